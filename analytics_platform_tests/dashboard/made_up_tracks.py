"""SQL that makes up recordings, playlists and the map of tracks."""

from __future__ import annotations

from analytics_platform_tests.dashboard.made_up_scores import SCORES

_CATALOGUE = (
    """
create temp table track as
select position * tracks_each() + t as number,
    printf('QZMDE26%05d', number) as isrc,
    (['Morning', 'Night *Song*', 'River $1', '<i>Rain</i>',
        'Hello "You" & Me'])[1 + number % 5] || ' ' || number as title,
    artist_id, artist_name, genre, cluster_id,
    case when t = 0 then last_day() - 40 else last_day() - 200 - (number * 37 % 1500)::integer end as release_date,
    case when number % 25 = 24 then 'missing' when number % 3 = 2 then 'deezer' else 'master' end as source,
    case when source <> 'missing' then md5(isrc) end as clip_id,
    case when source = 'deezer' then concat('deezer/', number, '.ogg')
        when source = 'master' then concat(home(), '/masters/track ', number, ' & more.flac') end as location,
    number % 20 = 19 as is_rejected, number % 10 <> 8 as may_display
from artist, range(tracks_each()) r (t)
""",
    """
insert into out.streams.release_dates by name select isrc, release_date from track where number % 30 <> 29
""",
    """
insert into out.tracks.releases by name
select isrc, artist_id, genre, release_date, 'roster' as release_source from track where number % 30 <> 29
""",
    """
insert into out.tracks.outcomes by name
with counted as (
    select *, unnest(['plays_last_90_days', 'listeners_last_90_days']) as target,
        floor(size * 90 * (0.1 + 0.2 * chance(concat('outcome', isrc))) / case when target[1] = 'p' then 1
            else 4 end) as value
    from track join artist using (artist_id, artist_name, genre, cluster_id) where number % 30 <> 29
)
select isrc, target, value,
    (rank() over w - 0.5 + (count(*) over (partition by target, genre, value) - 1) / 2.0) / count(*)
        over g as percentile,
    'any time' as compared_with, count(*) over g as compared_tracks,
    concat(genre, ', any time, apple, fuga, spotify') as comparison, 'apple, fuga, spotify' as vendors,
    release_date, genre, artist_id
from counted
window w as (partition by target, genre order by value), g as (partition by target, genre)
""",
    """
insert into out.catalogue.clips by name
select isrc, clip_id, source, case when clip_id is not null then number::varchar end as source_track_id, location,
    case source when 'master' then 'flac' when 'deezer' then 'ogg' end as codec,
    case when clip_id is not null then 0 end as offset_s, case when clip_id is not null then 2 end as duration_s,
    case when clip_id is not null then 20000 end as size_bytes,
    case when clip_id is not null then sha256(isrc) end as sha256,
    case source when 'master' then 'file name' when 'deezer' then 'isrc' end as match_method,
    case when clip_id is not null then 1 end as match_score,
    clip_id is not null as may_analyse, source = 'master' as may_train, clip_id is not null
        and may_display as may_display,
    case when clip_id is null then 'master: no usable file; deezer: switched off' end as missing_reason,
    case when clip_id is not null then made_at() end as fetched_at
from track
""",
    """
insert into out.audio.rejected_clips by name
select clip_id, 'clips_000001' as batch, location, 'too short' as reason, '2.00 s of sound' as detail
from track where is_rejected and clip_id is not null
""",
    """
insert into out.audio.descriptors by name
select clip_id, 'clips_000001' as batch, 2 as duration_s, 8000 as sample_rate, 1 as channels,
    -8 - 16 * fixed(concat('loud', isrc)) as loudness_lufs, -3 as peak_dbfs,
    case when number % 15 <> 14 then 70 + 90 * fixed(concat('tempo', isrc)) end as tempo_bpm,
    fixed(concat('pulse', isrc)) as tempo_strength, (['C', 'F#', 'A', 'D#'])[1 + number % 4] as key,
    (['major', 'minor'])[1 + number % 2] as mode, fixed(concat('key', isrc)) as key_strength
from track where clip_id is not null and not is_rejected
""",
    """
insert into out.marts.track_audio by name
select isrc, case when number % 50 <> 49 then title end as title, artist_id, artist_name, source as clip_source,
    clip_id is not null as may_analyse, source = 'master' as may_train, clip_id is not null
        and may_display as may_display,
    case when clip_id is null then 'missing' when is_rejected then 'rejected' else 'analysed' end as status,
    case when clip_id is null then 'master: no usable file; deezer: switched off'
        when is_rejected then 'too short' end as reason,
    clip_id, location, case when clip_id is not null then 0 end as offset_s,
    d.duration_s, loudness_lufs, tempo_bpm, key, mode,
    case when status = 'analysed' and number % 2 = 0 then genre end as first_tag,
    case when first_tag is not null then 'instrumental' end as second_tag,
    case when first_tag is not null then 'slow' end as third_tag
from track left join out.audio.descriptors d using (clip_id)
""",
    """
insert into out.catalogue.popularity_snapshots by name
with measured as (
    select isrc, unnest(['plays_28_days', 'listeners_28_days']) as measure,
        floor(size * 28 * chance(concat('popular', isrc)) / case when measure[1] = 'p' then 5 else 20 end) as value
    from track join artist using (artist_id, artist_name, genre, cluster_id)
)
select last_day() as observed_on, 'own' as source, measure, 'track' as subject, isrc as source_id, isrc, value,
    (rank() over w - 0.5 + (count(*) over (partition by measure, value) - 1) / 2.0) / count(*)
        over (partition by measure) as percentile,
    made_at() as observed_at
from measured
window w as (partition by measure order by value)
""",
)

_TASTE = (
    """
insert into out.marts.similar_tracks by name
with step as (select unnest(list_concat(range(1, 11), range(-10, 0))) as step),
total as (select count(*) as tracks from track),
pair as (
    select a.*, (a.number + step + tracks) % tracks as other,
        0.98 - 0.04 * abs(step) - 0.01 * (step < 0)::int as similarity,
        row_number() over (partition by a.number order by abs(step), step desc) as place
    from track a, step, total
)
select p.isrc, p.title, p.artist_name, place, b.isrc as similar_isrc, b.title as similar_title,
    b.artist_name as similar_artist_name, similarity - 0.01 * chance(p.isrc) as similarity,
    case when b.number % 7 = 0 then 'sound' else 'plays' end as basis, taste_model() as model_version
from pair p join track b on b.number = p.other
""",
    """
insert into out.marts.track_outliers by name
select isrc, title, artist_id, artist_name, null as album,
    case when tracks_each() > 3 then 0.4 + 1.2 * chance(concat('out',
        isrc)) + 3 * (number % 40 = 7)::int end as artist_distance,
    case when artist_distance is not null then percent_rank() over (order by artist_distance) end as artist_percentile,
    120 + number % 180 as duration_s,
    case when number % 40 = 7 then 'far in sound' when number % 40 = 17 then 'live' else 'none' end as kind,
    case kind when 'far in sound' then 'far from the artist in sound'
        when 'live' then 'the title says so' end as reason,
    kind = 'live' as is_left_out, 'outliers 1, 207 features' as model_version
from track where clip_id is not null and not is_rejected
""",
    """
insert into out.taste.playlist_tracks by name
with alike as (
    select concat('similar:', isrc) as playlist_id, 'similar' as kind, concat('Like ', title, ' by ',
        artist_name) as playlist_title,
        1 as place, isrc, title, artist_name, 1.0 as value
    from track where number < 10
    union all
    select concat('similar:', s.isrc), 'similar', concat('Like ', s.title, ' by ', s.artist_name), place + 1,
        similar_isrc,
        similar_title, similar_artist_name, similarity
    from out.marts.similar_tracks s join track using (isrc) where number < 10
),
unit as (
    select concat('unit:conv1:7:', how) as playlist_id, 'unit' as kind, concat('conv1, unit 7, ', how,
        ': jazz') as playlist_title,
        row_number() over (partition by how order by fixed(concat(how, isrc))) as place, isrc, title, artist_name,
            3 - place * 0.1 as value
    from track, (values ('mean'), ('maximum')) h (how)
    qualify place <= 20
)
select *, taste_model() as model_version from alike
union all by name
select *, taste_model() as model_version from unit
""",
    """
insert into out.marts.track_map by name
select isrc, title, artist_name, case when number % 33 <> 32 then genre end as genre,
    0.7 * cos(cluster_id) + 0.25 * (fixed(concat('x', isrc)) - 0.5) as x,
    0.7 * sin(cluster_id) + 0.25 * (fixed(concat('y', isrc)) - 0.5) as y, taste_model() as model_version
from track
""",
    """
insert into out.taste.unit_genres by name
select layer, u as unit, (select genre from artist order by fixed(concat(genre, u, layer)) limit 1) as genre,
    0.55 + 0.4 * fixed(concat('auc', layer, u)) as auc, auc - 0.05 as auc_low, least(1, auc + 0.05) as auc_high,
    0.7 as auc_by_chance, 20 as tracks, 'convnet_2014-made-1x1-4epochs' as model_version
from range(16) r (u), (values ('conv1'), ('dense1')) l (layer)
""",
)

TRACKS: tuple[str, ...] = (*_CATALOGUE, *_TASTE, *SCORES)

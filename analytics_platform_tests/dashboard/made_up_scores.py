"""SQL that makes up scores, reasons and audiences of unreleased files."""

from __future__ import annotations

SCORES: tuple[str, ...] = (
    """
create temp table scored as
select sounds.*, case when artist_name is not null then lower(artist_name) end as artist_id,
    0.15 + 0.7 * chance(concat('score', file)) as percentile
from sounds
""",
    """
insert into out.marts.track_scores by name
select file, title, s.artist_name, artist_id, clip_id, sha256, 0 as offset_s, 2 as duration_s, percentile,
    greatest(0, percentile - 0.38) as percentile_low, least(1, percentile + 0.36) as percentile_high,
    rank() over (order by percentile desc) as rank_in_batch, count(*) over () as batch_tracks,
    case when tracks > 0 then 1 + floor(tracks * (1 - percentile))::integer end as rank_in_catalogue,
    coalesce(tracks, 0) as catalogue_tracks,
    'sound_ridge' as model, track_model() as model_version, 0.6 as test_auc, 0.57 as test_auc_low,
        0.64 as test_auc_high,
    'plays_last_90_days' as target,
    concat(
        'Use it to sort many, not to judge one. For artists that it had not heard the model put the better of two ',
        'tracks, one from the upper and one from the lower half, first in 60% of pairs (90 % range 57% to 64%; a ',
        'coin: 50 %).') as evidence,
    -10 - number as loudness_lufs, case when number <> 3 then 90 + 7 * number end as tempo_bpm, 'C' as key,
        'minor' as mode,
    made_at() as scored_at
from scored s left join (select artist_id, count(*) as tracks from track group by artist_id) using (artist_id)
""",
    """
insert into out.marts.track_score_rejects
values ('Lyrics <draft>.flac', 'not audio', 'does not begin like audio'), ('Nina Simone/Empty.wav', 'empty', null)
""",
    """
insert into out.marts.track_score_neighbours by name
select file, place, isrc, t.title, t.artist_name, 0.9 - 0.1 * place as similarity,
    case when place < 5 then chance(concat('landed', isrc)) end as outcome_percentile,
    case when place < 5 then floor(2000 * outcome_percentile) end as outcome_value, 'plays_last_90_days' as target,
    track_model() as model_version
from scored s, range(1, 6) r (place)
join track t on t.number = s.number * 5 + place
""",
    """
insert into out.marts.track_score_reasons by name
with band as (select * from (values (0, 150), (150, 500), (500, 2000), (2000, 4000)) b (low_hz, high_hz)),
region as (
    select file, start_s * 0.5 as start_s, start_s + 0.5 as end_s, low_hz, high_hz,
        0.08 * (chance(concat('region', file, start_s, low_hz)) - 0.45) as effect
    from scored, band, range(4) r (start_s)
    where is_explained
)
select file, 'region' as kind, start_s, end_s, low_hz, high_hz, effect, track_model() as model_version from region
union all by name
select file, 'time' as kind, start_s, start_s + 0.5 as end_s, 0 as low_hz, 4000 as high_hz, sum(effect) as effect,
    track_model() as model_version
from region group by file, start_s
union all by name
select file, 'band' as kind, 0 as start_s, 2 as end_s, low_hz, high_hz, sum(effect) as effect,
    track_model() as model_version
from region group by file, low_hz, high_hz
""",
    """
insert into out.marts.track_explanations by name
with total as (
    select file, sum(effect) as effect, max(effect) as best, min(effect) as worst
    from out.marts.track_score_reasons where kind = 'region' group by file
)
select file, title, artist_name, clip_id, track_model() as model_version,
    printf('raised by 500 Hz–2 kHz at 0:00–0:01 (%+.1f); lowered by below 150 Hz at 0:01–0:02 (%+.1f)', 100 * best,
        100 * worst) as words,
    concat('lake/explanations/', clip_id, '.png') as picture, percentile,
    least(1, greatest(0, percentile - effect)) as percentile_muted, percentile - percentile_muted - effect as residual,
    0.003 as spread, made_at() as explained_at
from scored join total using (file)
where is_explained
""",
    """
insert into out.marts.track_audience by name
with base as (
    select file, number, 400 * percentile as total,
        case when number % 3 = 2 then 'its sound alone' else 'the artist''s own listeners and its sound' end as basis
    from scored
),
weighted as (
    select base.*, 'country' as kind, country as place, country_name as place_name,
        pow(0.9, place) * (0.5 + chance(concat('reach', file, country))) as weight from base, countries
    union all
    select base.*, 'cluster', cluster_id::varchar, cluster_name, 0.2 + chance(concat('reach', file,
        cluster_id)) from base, cluster
),
shared as (select *, weight / sum(weight) over (partition by file, kind) as share from weighted),
marked as (select *, kind = 'country' and share < 0.006 as is_suppressed from shared),
listed as (
    select file, total, basis, kind, place, place_name, is_suppressed, case
        when not is_suppressed then share end as share from marked
    union all
    select file, total, basis, kind, '(other)', 'other countries', false, sum(share)
        from marked where is_suppressed group by all
    union all
    select file, total, basis, 'total', '(all)', 'All plays', false, 1 from base
)
select file, kind, place, place_name,
    case when not is_suppressed and place <> '(other)' then row_number() over (partition by file, kind,
        is_suppressed or place = '(other)' order by share desc) end as place_rank,
    share, share * total as expected_plays, case when place <> '(other)' then expected_plays * 0.05 end as expected_low,
        case when place <> '(other)' then expected_plays * 6 end as expected_high, null::double as similarity,
    is_suppressed, basis, 'plays_last_90_days' as target, last_day() - 89 as data_start, last_day() as data_end,
    taste_model() as model_version, track_model() as score_model_version
from listed
union all by name
select file, 'artist' as kind, artist_id as place, artist_name as place_name, row_number()
    over (partition by file order by akin desc) as place_rank,
    akin as similarity, false as is_suppressed, basis, 'plays_last_90_days' as target,
    last_day() - 89 as data_start, last_day() as data_end, taste_model() as model_version,
        track_model() as score_model_version
from (select base.*, artist.*, 0.2 + 0.6 * chance(concat('akin', file, artist_id)) as akin from base,
    artist where position < 200)
qualify place_rank <= 10
""",
)

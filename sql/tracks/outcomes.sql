-- One row per recording and target: what became of it, and its place among releases of the same month and genre.
-- Days count from the release on, so all tracks have the same age; only vendors whose data cover all of these days
-- count, and tracks are compared with those of which the same vendors are known.
-- owner: team:data
with

counted as (
    select
        plays.vendor,
        coalesce(plays.isrc, track_artists.isrc) as isrc,
        plays.play_date,
        plays.listener_key,
        plays.plays
    from streams.plays as plays
    left join streams.track_artists as track_artists
        on plays.vendor = track_artists.vendor and plays.track_id = track_artists.track_id
    where plays.plays > 0
),

periods as (
    select vendor, min(ingest_date) as first_day, max(play_date) as last_day
    from streams.plays
    where plays > 0
    group by vendor
),

targets as (
    select 'plays_first_28_days' as target, 'plays' as measure, 28 as days, true as is_first
    union all
    select 'listeners_first_28_days' as target, 'listeners' as measure, 28 as days, true as is_first
    union all
    select 'plays_first_90_days' as target, 'plays' as measure, 90 as days, true as is_first
    union all
    select 'listeners_first_90_days' as target, 'listeners' as measure, 90 as days, true as is_first
    union all
    select 'plays_last_90_days' as target, 'plays' as measure, 90 as days, false as is_first
    union all
    select 'listeners_last_90_days' as target, 'listeners' as measure, 90 as days, false as is_first
),

spans as (
    select distinct
        releases.isrc,
        periods.vendor,
        targets.days,
        targets.is_first,
        case when targets.is_first then releases.release_date else periods.last_day - (targets.days - 1) end as from_day,
        case when targets.is_first then releases.release_date + (targets.days - 1) else periods.last_day end as to_day
    from tracks.releases as releases
    cross join periods
    cross join targets
    where
        periods.vendor <> 'listenbrainz'
        and case
            when targets.is_first
                then releases.release_date >= periods.first_day
                    and releases.release_date + (targets.days - 1) <= periods.last_day
            else
                periods.last_day - (targets.days - 1) >= periods.first_day
                and releases.release_date < periods.last_day - (targets.days - 1)
        end
),

covered as (
    select isrc, days, is_first, string_agg(vendor, ', ' order by vendor asc) as vendors
    from spans
    group by isrc, days, is_first
),

summed as (
    select
        spans.isrc,
        spans.days,
        spans.is_first,
        cast(coalesce(sum(counted.plays), 0) as double) as plays,
        cast(count(distinct counted.listener_key) as double) as listeners
    from spans
    left join counted
        on
            spans.isrc = counted.isrc
            and spans.vendor = counted.vendor
            and counted.play_date between spans.from_day and spans.to_day
    group by spans.isrc, spans.days, spans.is_first
),

own as (
    select
        summed.isrc,
        targets.target,
        case when targets.measure = 'plays' then summed.plays else summed.listeners end as value,
        covered.vendors
    from summed
    inner join covered
        on summed.isrc = covered.isrc and summed.days = covered.days and summed.is_first = covered.is_first
    inner join targets on summed.days = targets.days and summed.is_first = targets.is_first
),

snapshots as (
    select
        isrc,
        source || '_' || measure as target,
        value,
        source as vendors,
        row_number() over (partition by isrc, source, measure order by observed_on desc, source_id asc) as recency
    from catalogue.popularity_snapshots
    where
        subject = 'track'
        and isrc is not null
        and ((source = 'spotify' and measure = 'popularity') or (source = 'deezer' and measure = 'rank'))
),

outside as (
    select isrc, target, value, vendors
    from snapshots
    where recency = 1
    union all
    select
        isrc,
        'listenbrainz_plays' as target,
        cast(sum(plays) as double) as value,
        'listenbrainz' as vendors
    from counted
    where vendor = 'listenbrainz' and isrc is not null
    group by isrc
),

dated as (
    select
        outcomes.isrc,
        outcomes.target,
        outcomes.value,
        outcomes.vendors,
        releases.artist_id,
        releases.genre,
        releases.release_date
    from (
        select isrc, target, value, vendors
        from own
        union all
        select isrc, target, value, vendors
        from outside
    ) as outcomes
    inner join tracks.releases as releases on outcomes.isrc = releases.isrc
),

widths as (
    select 1 as width, 'month' as compared_with
    union all
    select 2 as width, 'quarter' as compared_with
    union all
    select 3 as width, 'year' as compared_with
    union all
    select 4 as width, 'any time' as compared_with
),

placed as (
    select
        dated.isrc,
        dated.target,
        dated.value,
        dated.vendors,
        dated.artist_id,
        dated.genre,
        dated.release_date,
        widths.compared_with,
        widths.width,
        case widths.compared_with
            when 'month' then strftime(dated.release_date, '%Y-%m')
            when 'quarter'
                then
                    cast(year(dated.release_date) as varchar)
                    || ' Q'
                    || cast(quarter(dated.release_date) as varchar)
            when 'year' then cast(year(dated.release_date) as varchar)
            else 'any time'
        end as period
    from dated
    cross join widths
),

-- A track of a quiet month is compared with all of its quarter, those of crowded months too.
ranks as (
    select
        isrc,
        target,
        value,
        vendors,
        artist_id,
        genre,
        release_date,
        compared_with,
        width,
        period,
        rank() over (partition by target, vendors, genre, compared_with, period order by value asc) as first_rank,
        count(*) over (partition by target, vendors, genre, compared_with, period, value) as ties,
        count(*) over (partition by target, vendors, genre, compared_with, period) as compared_tracks
    from placed
),

chosen as (
    select
        isrc,
        target,
        value,
        vendors,
        artist_id,
        genre,
        release_date,
        compared_with,
        width,
        period,
        first_rank,
        ties,
        compared_tracks,
        row_number() over (partition by isrc, target order by width asc) as choice
    from ranks
    where compared_tracks >= 10 or compared_with = 'any time'
)

select
    isrc,
    target,
    value,
    (first_rank - 1 + cast(ties as double) / 2) / compared_tracks as percentile,
    compared_with,
    compared_tracks,
    genre || ', ' || period || ', ' || vendors as comparison,
    vendors,
    release_date,
    genre,
    artist_id
from chosen
where choice = 1

-- How popular is each recording in each source? Values have scales of their own: compare percentiles only.
select
    snapshots.isrc,
    tracks.artist_name,
    tracks.title,
    snapshots.source,
    snapshots.measure,
    snapshots.value,
    round(snapshots.percentile, 3) as percentile,
    snapshots.observed_on
from catalogue.popularity_snapshots as snapshots
left join marts.track_audio as tracks on snapshots.isrc = tracks.isrc
where snapshots.subject = 'track'
order by snapshots.percentile desc, snapshots.isrc asc, snapshots.measure asc
limit 20

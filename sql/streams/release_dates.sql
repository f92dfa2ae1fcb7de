-- One row per recording with a release date in the label's newest roster.
-- A recording with several has the earliest. The newest file that was loaded counts, even if it has no row.
-- owner: team:data
with

newest as (
    select max(ingest_date) as ingest_date
    from streams.deliveries
    where vendor = 'roster' and resource = 'releases' and status = 'loaded'
)

select
    releases.isrc,
    min(releases.release_date) as release_date
from streams.roster_releases as releases
inner join newest on releases.ingest_date = newest.ingest_date
group by releases.isrc

-- One row per artist and country where the artist's catalogue is not available, by the label's newest roster.
-- The day of the newest file that was loaded counts, even if the file has no row: then all markets are open again.
-- owner: team:data
with

newest as (
    select max(ingest_date) as ingest_date
    from streams.deliveries
    where vendor = 'roster' and resource = 'territories' and status = 'loaded'
)

select distinct
    coalesce(
        nullif(trim(regexp_replace(lower(territories.artist_name), '[^\p{L}\p{N}]+', ' ', 'g')), ''),
        lower(territories.artist_name)
    ) as artist_id,
    territories.country
from streams.roster_territories as territories
inner join newest on territories.ingest_date = newest.ingest_date

-- Which recordings have no sound here, and why?
select
    artist_name,
    title,
    isrc,
    status,
    reason
from marts.track_audio
where status in ('missing', 'rejected', 'not allowed')
order by artist_name asc nulls last, isrc asc
limit 20

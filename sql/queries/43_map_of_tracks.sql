-- Where does each genre lie on the map of tastes, how spread is it, and which artist is in its midst?
with

middles as (
    select
        genre,
        count(*) as recordings,
        median(x) as x,
        median(y) as y
    from marts.track_map
    where genre is not null
    group by genre
)

select
    middles.genre,
    middles.recordings,
    round(middles.x, 2) as x,
    round(middles.y, 2) as y,
    round(median(sqrt((places.x - middles.x) ** 2 + (places.y - middles.y) ** 2)), 2) as usual_distance,
    arg_min(places.artist_name, (places.x - middles.x) ** 2 + (places.y - middles.y) ** 2) as artist_in_its_midst
from middles
inner join marts.track_map as places on middles.genre = places.genre
group by middles.genre, middles.recordings, middles.x, middles.y
order by middles.recordings desc, middles.genre asc

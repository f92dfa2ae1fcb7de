-- Which recordings of other artists would one recording's listeners like? By plays where both have them, else by sound.
with

others as (
    select
        isrc,
        title,
        artist_name,
        place,
        similar_title,
        similar_artist_name,
        similarity,
        basis
    from marts.similar_tracks
    where artist_name is distinct from similar_artist_name
)

select
    title,
    artist_name,
    place,
    similar_title,
    similar_artist_name,
    round(similarity, 2) as similarity,
    basis
from others
where isrc = (select min(isrc) from others)
order by place asc

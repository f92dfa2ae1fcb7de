-- How often do a recording and its similar ones share the artist or the genre, by what the similarity rests on?
select
    similar_tracks.basis,
    least(1 + (similar_tracks.place - 1) // 5, 4) as quarter_of_the_list,
    count(*) as pairs,
    round(avg(similar_tracks.similarity), 2) as similarity,
    round(100 * avg(cast(one.artist_id = other.artist_id as integer))) as same_artist_percent,
    round(100 * avg(cast(one.genre = other.genre as integer))) as same_genre_percent
from marts.similar_tracks as similar_tracks
inner join tracks.releases as one on similar_tracks.isrc = one.isrc
inner join tracks.releases as other on similar_tracks.similar_isrc = other.isrc
group by all
order by similar_tracks.basis asc, quarter_of_the_list asc

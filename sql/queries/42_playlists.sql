-- Which playlists are there, how many recordings and artists has each, and what do they begin with?
select
    playlist_id,
    playlist_title,
    kind,
    count(*) as recordings,
    count(distinct artist_name) as artists,
    string_agg(title, ', ' order by place asc) filter (where place <= 3) as begins_with
from taste.playlist_tracks
group by playlist_id, playlist_title, kind
order by kind asc, playlist_id asc
limit 50

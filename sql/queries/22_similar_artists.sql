-- Whose audience is nearest to one artist's, and how sure: neighbours with a stability below 0.5 are left out.
select
    artist_name,
    neighbour_rank,
    similar_artist_name,
    round(score, 2) as score,
    round(stability, 1) as stability,
    shared_listeners
from marts.similar_artists
where
    data_set = 'label'
    and artist_id = (select min(artist_id) from marts.similar_artists where data_set = 'label')
    and stability >= 0.5
order by neighbour_rank asc
limit 10

-- The links of one artist in the artist graph, from either end: each pair of artists is in the table once.
with one as (
    select artist_id
    from marts.artist_clusters
    where data_set = 'label' and resolution = 'broad'
    order by listeners desc nulls last, artist_id asc
    limit 1
),

links as (
    select data_set, artist_id, artist_name, linked_artist_id, linked_artist_name, weight, shared_listeners
    from marts.artist_links
    union all
    select data_set, linked_artist_id, linked_artist_name, artist_id, artist_name, weight, shared_listeners
    from marts.artist_links
)

select
    links.artist_name,
    links.linked_artist_name,
    round(links.weight, 3) as weight,
    links.shared_listeners,
    clusters.cluster_name as cluster_of_linked
from links
inner join one on links.artist_id = one.artist_id
left join marts.artist_clusters as clusters
    on
        links.data_set = clusters.data_set
        and links.linked_artist_id = clusters.artist_id
        and clusters.resolution = 'broad'
where links.data_set = 'label'
order by links.weight desc nulls last, links.linked_artist_name asc
limit 20

-- Clusters of artists who share an audience, largest first, with their three artists of most listeners.
select
    data_set,
    resolution,
    cluster_id,
    cluster_name,
    count(*) as artists,
    round(avg(membership), 2) as mean_membership,
    round(100 * avg(case when is_between_groups then 1 else 0 end)) as between_groups_percent,
    list(artist_name order by listeners desc nulls last, artist_name asc)[1:3] as biggest
from marts.artist_clusters
where cluster_id is not null
group by data_set, resolution, cluster_id, cluster_name
order by data_set asc, resolution asc, artists desc, cluster_id asc

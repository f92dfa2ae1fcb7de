-- What became of each cluster in the newest run: kept, new (and out of which one), gone; and how many artists moved.
with newest as (
    select data_set, max(run_no) as run_no
    from marts.artist_cluster_history
    group by data_set
),

names as (
    select data_set, resolution, cluster_id, max_by(cluster_name, run_no) as cluster_name
    from marts.artist_cluster_history
    group by data_set, resolution, cluster_id
)

select
    history.data_set,
    history.resolution,
    history.run_no,
    history.window_end,
    history.status,
    history.cluster_id,
    history.cluster_name,
    parents.cluster_name as came_from,
    history.artists,
    round(history.overlap, 2) as overlap,
    round(100 * history.churn, 1) as churn_percent
from marts.artist_cluster_history as history
inner join newest on history.data_set = newest.data_set and history.run_no = newest.run_no
left join names as parents
    on
        history.data_set = parents.data_set
        and history.resolution = parents.resolution
        and history.parent_id = parents.cluster_id
order by
    history.data_set asc, history.resolution asc, history.status asc, history.artists desc, history.cluster_id asc

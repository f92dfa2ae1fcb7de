-- How much better does each track model look when artists that it was trained on are among those it is tested on?
select
    honest.target,
    honest.model,
    honest.is_baseline,
    round(leaky.value, 3) as auc_by_rows,
    round(honest.value, 3) as auc_by_artists,
    round(leaky.value - honest.value, 3) as flattered_by,
    round(later.value, 3) as auc_of_later_releases
from models.leaderboard as honest
inner join models.leaderboard as leaky
    on
        honest.data_set = leaky.data_set
        and honest.target = leaky.target
        and honest.model = leaky.model
        and honest.task = leaky.task
        and honest.metric = leaky.metric
        and honest.seed = leaky.seed
        and leaky.split = 'rows'
left join models.leaderboard as later
    on
        honest.data_set = later.data_set
        and honest.target = later.target
        and honest.model = later.model
        and honest.task = later.task
        and honest.metric = later.metric
        and honest.seed = later.seed
        and later.split = 'time'
where honest.task = 'track_success' and honest.metric = 'auc' and honest.split = 'artists' and honest.seed = -1
order by honest.target asc, flattered_by desc, honest.model asc

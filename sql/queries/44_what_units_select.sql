-- Which genre does each unit of the net tell best? Only those that do it better than chance would for the best of all.
select
    layer,
    unit,
    genre,
    round(auc, 2) as auc,
    round(auc_low, 2) as auc_low,
    round(auc_high, 2) as auc_high,
    round(auc_by_chance, 2) as auc_by_chance,
    tracks
from taste.unit_genres
where auc > auc_by_chance
order by auc desc, layer asc, unit asc
limit 50

-- Which unreleased tracks deserve the effort first? Use it to sort many, not to judge one: look at the ranges.
select
    rank_in_batch,
    file,
    artist_name,
    title,
    round(100 * percentile) as expected_place,
    round(100 * percentile_low) as place_low,
    round(100 * percentile_high) as place_high,
    rank_in_catalogue,
    catalogue_tracks,
    round(test_auc, 3) as test_auc,
    model_version
from marts.track_scores
order by rank_in_batch asc, file asc
limit 20

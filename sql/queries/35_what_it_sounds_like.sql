-- Which released tracks does each unreleased one sound like, and what became of them?
select
    scores.file,
    neighbours.place,
    neighbours.artist_name,
    neighbours.title,
    round(neighbours.similarity, 2) as similarity,
    round(neighbours.outcome_value) as outcome,
    neighbours.target,
    round(100 * neighbours.outcome_percentile) as its_place
from marts.track_scores as scores
inner join marts.track_score_neighbours as neighbours on scores.file = neighbours.file
order by scores.rank_in_batch asc, scores.file asc, neighbours.place asc
limit 50

-- What in the best track's sound raised or lowered its score, in hundredths of the scale? The strongest parts first.
with

best as (
    select file
    from marts.track_scores
    order by rank_in_batch asc, file asc
    limit 1
)

select
    reasons.file,
    reasons.start_s,
    reasons.end_s,
    reasons.low_hz,
    reasons.high_hz,
    round(100 * reasons.effect, 1) as effect,
    explanations.picture
from marts.track_score_reasons as reasons
inner join best on reasons.file = best.file
inner join marts.track_explanations as explanations on reasons.file = explanations.file
where reasons.kind = 'region'
order by abs(reasons.effect) desc, reasons.start_s asc, reasons.low_hz asc
limit 10

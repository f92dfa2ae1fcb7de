-- One line per unreleased track: its likeliest listeners, first country and most similar artist, and expected plays.
select
    total.file,
    max(case when parts.kind = 'cluster' then parts.place_name end) as likely_listeners,
    max(case when parts.kind = 'cluster' then round(100 * parts.share) end) as listeners_percent,
    max(case when parts.kind = 'country' then parts.place_name end) as first_country,
    max(case when parts.kind = 'country' then round(100 * parts.share) end) as country_percent,
    max(case when parts.kind = 'artist' then parts.place_name end) as most_similar_artist,
    round(total.expected_plays) as expected_plays,
    round(total.expected_low) as expected_low,
    round(total.expected_high) as expected_high,
    total.target,
    total.basis
from marts.track_audience as total
left join marts.track_audience as parts
    on total.file = parts.file and parts.kind <> 'total' and parts.place_rank = 1
where total.kind = 'total'
group by
    total.file, total.expected_plays, total.expected_low, total.expected_high, total.target, total.basis
order by total.expected_plays desc nulls last, total.file asc
limit 50

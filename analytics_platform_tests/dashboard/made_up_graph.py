"""SQL that makes up neighbours, clusters and markets of artists."""

from __future__ import annotations

_NEIGHBOURS = (
    """
create temp table neighbour as
with step as (
    select unnest(case
        when artists_total() > 50 then list_concat(range(1, 26), range(artists_total() - 25, artists_total()))
        else range(1, artists_total()) end) as step
),
pair as (
    select a.position, (a.position + step) % artists_total() as other, least(step, artists_total() - step) as distance
    from artist a, step
)
select a.artist_id, a.artist_name, b.artist_id as other_id, b.artist_name as other_name, distance,
    -- The same for both of a pair.
    concat(least(a.artist_id, b.artist_id), '|', greatest(a.artist_id, b.artist_id)) as pair_name,
    (0.97 - 0.8 * least(distance, 25) / 26.0 + 0.03 * chance(concat('near', pair_name)))
        * case when a.cluster_id = b.cluster_id then 1 else 0.6 end as score,
    floor(least(fa.listeners, fb.listeners) * score * 0.5)::bigint as shared
from pair
join artist a using (position)
join artist b on b.position = pair.other
join fan fa on fa.artist_id = a.artist_id and fa.window_days = 90
join fan fb on fb.artist_id = b.artist_id and fb.window_days = 90
""",
    """
insert into out.marts.similar_artists by name
select 'label' as data_set, 90 as window_days, last_day() as window_end, artist_id, artist_name,
    row_number() over (partition by artist_id order by score desc, other_id) as neighbour_rank,
    other_id as similar_artist_id, other_name as similar_artist_name, score,
    0.4 + 0.6 * chance(concat('stable', artist_id, other_id)) as stability,
    case when shared = 0 or shared >= 10 then shared end as shared_listeners, artist_model() as model_version
from neighbour
order by artist_id, neighbour_rank
""",
    """
insert into out.marts.artist_links by name
select 'label' as data_set, 90 as window_days, last_day() as window_end, artist_id, artist_name,
    other_id as linked_artist_id, other_name as linked_artist_name,
    case when shared >= 10 then score * shared / (shared + 10) end as weight,
    case when shared >= 10 then shared end as shared_listeners, artist_model() as model_version
from neighbour
where distance <= 6 and artist_id < other_id
order by artist_id, linked_artist_id
""",
    """
create temp table cluster as
select cluster_id, concat(genre, ', indie ', genre, ': ', string_agg(artist_name, ', ' order by size desc)
    filter (where place <= 3)) as cluster_name
from (select *, row_number() over (partition by cluster_id order by size desc, artist_id) as place from artist)
group by cluster_id, genre
""",
    """
insert into out.marts.artist_clusters by name
select 'label' as data_set, 90 as window_days, last_day() as window_end, resolution, artist_id, artist_name,
    case when listeners >= 10 then listeners end as listeners,
    case when not is_small then cluster_id end as cluster_id,
    case when not is_small then cluster_name end as cluster_name,
    case when not is_small then 0.5 + 0.5 * chance(concat('member', artist_id, resolution)) end as membership,
    not is_small and membership < 0.6 as is_between_groups,
    case when is_small then 'fewer than 50 listeners in the window' end as reason,
    case when not is_small then cos(cluster_id) + 0.4 * (chance(concat('x', artist_id)) - 0.5) end as map_x,
    case when not is_small then sin(cluster_id) + 0.4 * (chance(concat('y', artist_id)) - 0.5) end as map_y,
    artist_model() as model_version
from artist join cluster using (cluster_id) join fan using (artist_id, is_small, artist_name, cluster_id),
    (values ('broad'), ('fine')) r (resolution)
where window_days = 90
order by resolution, artist_id
""",
    """
insert into out.marts.artist_cluster_history by name
with run as (select * from (values (1, 90), (2, 0)) r (run_no, back))
select 'label' as data_set, 90 as window_days, resolution, run_no, last_day() - back as window_end, cluster_id,
    cluster_name,
    case when run_no = 1 then 'first' when cluster_id = 2 then 'new' else 'kept' end as status,
    case when status = 'new' then 1 end as parent_id,
    (select count(*) from artist where artist.cluster_id = cluster.cluster_id and not is_small) as artists,
    0.8 as membership, case when status = 'kept' then 0.9 end as overlap, case when run_no = 2 then 0.05 end as churn,
    artist_model() as model_version
from cluster, run, (values ('broad'), ('fine')) r (resolution)
where artists > 0
""",
)

_MARKETS = (
    """
create temp table market as
with sized as (
    select country, place, (0.55 * pow(place / 41.0, 0.5) + 0.02) as spare, artist_id, artist_name, home_place,
        size, is_small
    from artist, countries
),
counted as (
    select sized.*, coalesce(plays, 0) as actual_plays,
        90 * size * pow((41 - place) / 41.0, 2) / 14 * (0.25 + 1.5 * chance(concat('market', sized.artist_id,
            sized.country))) as wish,
        closed.artist_id is null as is_available, place = home_place as is_home
    from sized
    left join country_plays cp
        on cp.artist_id = sized.artist_id and cp.country = sized.country and cp.window_days = 90
    left join out.streams.closed_markets closed
        on closed.artist_id = sized.artist_id and closed.country = sized.country
)
select *, case when is_available and not is_small then wish end as expected,
    expected - actual_plays as gap, gap / sqrt(expected + 10) as z,
    case when is_small then 'no neighbours: fewer than 50 listeners in the window'
        when not is_available then 'not available'
        when is_home then 'the home market'
        when z < 1 then 'no clear gap: about as many plays as similar artists suggest, or more' end as reason
from counted
""",
    """
create temp table best_neighbours as
select artist_id, string_agg(other_name, ', ' order by score desc, other_id) as neighbours
from (select *, row_number() over (partition by artist_id order by score desc, other_id) as nearest from neighbour)
where nearest <= 5
group by artist_id
""",
    """
insert into out.marts.potential_streams by name
select 'label' as data_set, 90 as window_days, last_day() - 89 as window_start, last_day() as window_end,
    artist_id, artist_name, country, country_name, actual_plays, expected as expected_plays,
    expected * (0.25 + 0.1 * chance(concat('low', artist_id, country))) as expected_low,
    expected * (1.8 + 0.5 * chance(concat('high', artist_id, country))) as expected_high,
    gap as gap_plays, z,
    case when reason is null then row_number() over (partition by artist_id, reason is null order by z desc,
        country) end as market_rank,
    reason, case when expected is not null then neighbours end as neighbours, is_available, is_home,
    actual_plays >= 100 and not is_home as is_established, expected * 0.8 - actual_plays as document_gap_plays,
    case when actual_plays < 500 then expected * 0.7 end as original_code_plays, artist_model() as model_version
from market join countries using (country, place) join best_neighbours using (artist_id)
order by artist_id, country
""",
)

GRAPH: tuple[str, ...] = (*_NEIGHBOURS, *_MARKETS)

-- Countries where an artist has more diehards than elsewhere: the whole interval lies above the artist's own share.
select
    cells.artist_name,
    cells.country,
    cells.listeners,
    round(100 * cells.share, 1) as diehard_percent,
    round(100 * cells.share_low, 1) as low,
    round(100 * fans.share, 1) as artist_percent,
    round(cells.lift, 2) as lift
from marts.fan_segments_by_country as cells
inner join marts.artist_fans as fans
    on
        cells.data_set = fans.data_set
        and cells.window_days = fans.window_days
        and cells.artist_id = fans.artist_id
        and cells.segment = fans.segment
where
    cells.window_days = 90
    and cells.segment = 'diehard'
    and not cells.is_suppressed
    and cells.country <> 'ZZ'
    and cells.share_low > fans.share
order by cells.share_low - fans.share desc, cells.artist_name asc, cells.country asc
limit 20

-- Does every row of every current file sit somewhere? unaccounted is 0 in each line.
select
    vendor,
    resource,
    count(*) as files,
    sum(rows_read) as rows_read,
    sum(good_rows) as good_rows,
    sum(rejected_rows) as rejected_rows,
    sum(rows_read) - sum(good_rows) - sum(rejected_rows) as unaccounted
from streams.deliveries
where is_current
group by vendor, resource
order by vendor asc, resource asc

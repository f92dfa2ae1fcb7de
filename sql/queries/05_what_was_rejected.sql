-- What was rejected, by vendor and reason, with one place to look at.
select
    vendor,
    reason,
    column_name,
    count(*) as rejected,
    min(file_name || ', line ' || line) as example
from streams.rejected_rows
group by vendor, reason, column_name
order by rejected desc, vendor asc, reason asc

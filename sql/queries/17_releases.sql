-- Which versions of the fan profiles were released or refused, and why.
select data_set, window_days, release_no, version, status, window_end, drift, reason
from models.releases
order by data_set asc, window_days asc, release_no asc

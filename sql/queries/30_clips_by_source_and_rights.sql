-- Where are the clips from, what may be done with them, and what became of them?
select
    clip_source,
    may_analyse,
    may_train,
    may_display,
    status,
    count(*) as recordings
from marts.track_audio
group by clip_source, may_analyse, may_train, may_display, status
order by recordings desc, status asc

-- Which clips may no model be trained on, by source, and which could be but have no known outcome yet?
with

known as (
    select distinct isrc
    from tracks.outcomes
)

select
    clips.source,
    case
        when refusals.isrc is not null then refusals.reason || ', left out of the last training'
        when clips.clip_id is null then 'no clip'
        when not coalesce(clips.may_train, false) then 'no right to train'
        when known.isrc is null then 'no known outcome'
        else 'may be trained on'
    end as what_holds,
    count(*) as recordings,
    min(clips.isrc) as such_as
from catalogue.clips as clips
left join tracks.training_refusals as refusals on clips.isrc = refusals.isrc
left join known on clips.isrc = known.isrc
group by all
order by recordings desc, clips.source asc, what_holds asc

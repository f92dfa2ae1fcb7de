-- One row per recording of the label: its clip, what may be done with it, and how it sounds.
-- owner: team:data
with

named as (
    select
        isrc,
        artist_id,
        artist_name,
        title,
        row_number() over (partition by isrc order by title is null asc, vendor asc, track_id asc) as name_rank
    from streams.track_artists
    where isrc is not null
),

ranked_tags as (
    select
        clip_id,
        tag,
        row_number() over (partition by clip_id order by score desc, tag asc) as tag_rank
    from audio.tags
),

top_tags as (
    select
        clip_id,
        max(case when tag_rank = 1 then tag end) as first_tag,
        max(case when tag_rank = 2 then tag end) as second_tag,
        max(case when tag_rank = 3 then tag end) as third_tag
    from ranked_tags
    where tag_rank <= 3
    group by clip_id
)

select
    clips.isrc,
    named.title,
    named.artist_id,
    named.artist_name,
    clips.source as clip_source,
    clips.may_analyse,
    clips.may_train,
    clips.may_display,
    case
        when clips.source = 'missing' then 'missing'
        when not clips.may_analyse then 'not allowed'
        when rejected.clip_id is not null then 'rejected'
        when descriptors.clip_id is not null then 'analysed'
        else 'waiting'
    end as status,
    coalesce(clips.missing_reason, rejected.reason) as reason,
    clips.clip_id,
    clips.location,
    clips.offset_s,
    descriptors.duration_s,
    descriptors.loudness_lufs,
    descriptors.tempo_bpm,
    descriptors.key,
    descriptors.mode,
    top_tags.first_tag,
    top_tags.second_tag,
    top_tags.third_tag
from catalogue.clips as clips
left join named on clips.isrc = named.isrc and named.name_rank = 1
left join audio.rejected_clips as rejected on clips.clip_id = rejected.clip_id
left join audio.descriptors as descriptors on clips.clip_id = descriptors.clip_id
left join top_tags on clips.clip_id = top_tags.clip_id

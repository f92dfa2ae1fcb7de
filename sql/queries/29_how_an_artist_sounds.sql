-- How do an artist's tracks sound: loudness, tempo, key, and what a net pretrained on tags hears?
select
    artist_name,
    title,
    round(loudness_lufs, 1) as loudness_lufs,
    round(tempo_bpm) as tempo_bpm,
    key || ' ' || mode as key_and_mode,
    first_tag,
    second_tag
from marts.track_audio
where status = 'analysed'
order by artist_name asc, title asc
limit 20

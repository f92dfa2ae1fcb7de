"""SQL that makes up deliveries, versions of models and the leaderboard."""

from __future__ import annotations

_SOUND = (
    "sound_ridge sound_average sound_boosting descriptor_ridge within_artist_ridge majority* genre_mean* "
    "loudness_duration* voice_ridge*"
)
TASKS = (
    # task, window, target, splits, models (* is a baseline), metrics (name, unit, better)
    (
        "artist_clusters",
        90,
        "",
        "",
        "leiden_broad leiden_fine document_clusters* popularity_deciles*",
        (
            "ari_bootstrap|adjusted Rand index|higher, ari_halves|adjusted Rand index|higher, "
            "artists_kept_in_bootstrap|share of artists|higher, modularity_of_unseen|share of links|higher"
        ),
    ),
    (
        "artist_markets",
        28,
        "",
        "",
        (
            "market_potential market_potential_volume document_gap* document_pipeline* market_size* "
            "original_code* own_current_plays* random*"
        ),
        (
            "growth_captured_at_5|share|higher, growth_captured_at_5_small|share|higher, "
            "growth_captured_at_5_large|share|higher, ndcg_at_5|share|higher, precision_at_5|share|higher, "
            "top_country_share|share|lower, range_coverage|share of 0.8 ranges|near 0.8"
        ),
    ),
    (
        "artist_neighbours",
        90,
        "",
        "",
        "artist_vectors co_listening_graph document_svd* most_listened* random*",
        "half_recall|share of neighbours|higher, genre_agreement|share of neighbours|higher",
    ),
    (
        "cold_tracks",
        365,
        "",
        "artists; new tracks",
        "sound_linear convnet_2014 random* popularity_leaky* true_factors_leaky*",
        (
            "auc|share|higher, recall_at_20|share|higher, ndcg_at_100|share|higher, "
            "recall_at_20_over_random|ratio|higher"
        ),
    ),
    (
        "fan_segments",
        90,
        "",
        "",
        "fan_profiles fan_lda* artist_histogram* one_profile_for_all* percentile_thresholds*",
        ("held_out_log_likelihood|nats per listener|higher, split_half_coverage|share of 0.9 intervals|near 0.9"),
    ),
    (
        "fan_segments",
        28,
        "",
        "",
        "fan_profiles fan_lda* artist_histogram* one_profile_for_all* percentile_thresholds*",
        ("held_out_log_likelihood|nats per listener|higher, split_half_coverage|share of 0.9 intervals|near 0.9"),
    ),
    (
        "held_out_plays",
        365,
        "",
        "pairs; time",
        "wmf ease* item_cosine* popularity* random* wmf_document*",
        ("auc|share|higher, recall_at_20|share|higher, ndcg_at_100|share|higher, map_at_500|share|higher"),
    ),
    (
        "track_audience",
        90,
        "plays_last_90_days",
        "artists; new tracks",
        "taste_audience median_of_all* market_size* popular_artists* artist_median* own_split*",
        (
            "country_error|total variation|lower, plays_error|log plays|lower, "
            "country_recall_3|share|higher, plays_coverage|share|near 0.8"
        ),
    ),
    (
        "track_class",
        90,
        "plays_last_90_days",
        "artists; rows; time",
        _SOUND,
        "accuracy|share|higher, macro_f1|share|higher",
    ),
    (
        "track_order",
        90,
        "plays_last_90_days",
        "artists; rows; time",
        _SOUND,
        "right_pairs|share of pairs|higher",
    ),
    (
        "track_percentile",
        90,
        "plays_last_90_days",
        "artists; rows; time",
        _SOUND,
        (
            "r2|share of variance|higher, rmse|percentile|lower, mae|percentile|lower, spearman|rank "
            "correlation|higher, range_coverage|share|near 0.8"
        ),
    ),
    (
        "track_success",
        90,
        "plays_last_90_days",
        "artists; rows; time",
        _SOUND,
        (
            "auc|area under the curve|higher, accuracy|share|higher, brier|squared probability|lower, "
            "calibration_error|probability|lower, lift_at_10|times the share in all|higher"
        ),
    ),
)
"""What the demo's leaderboard compares."""

_TASK_ROWS = ", ".join(str(row) for row in TASKS)

_LEADERBOARD = f"""
insert into out.models.leaderboard by name
with task as (
    select * from (values {_TASK_ROWS}) t (task, window_days, target, splits, models, metrics)
),
spread as (
    select task, window_days, target, unnest(string_split(splits, '; ')) as split, models, metrics from task
),
modelled as (select * exclude (models), unnest(string_split(models, ' ')) as name from spread),
measured as (
    select * exclude (metrics, name), rtrim(name, '*') as model, name like '%*' as is_baseline,
        string_split(unnest(string_split(metrics, ', ')), '|') as parts
    from modelled
),
seeded as (
    select *, unnest(case when task like 'track_%' and task <> 'track_audience' then [-1, 0, 1, 2]
        else [-1] end) as seed,
        parts[1] as metric, parts[2] as unit, parts[3] as better
    from measured
)
select task, 'label' as data_set, window_days, target, split, seed, model, metric,
    case
        when metric = 'held_out_log_likelihood' then -2.5 - 0.4 * is_baseline::int - 0.1 * chance(concat(task, model))
        when better like 'near%' then right(better, 3)::double + 0.06 * (chance(concat('near', task, model)) - 0.5)
        when metric like 'lift%' or unit = 'ratio' then 1 + (not is_baseline)::int * 0.4 + 0.1 * chance(concat(task,
            model, metric))
        else 0.5 + (case when better = 'higher' then 0.12 else -0.12 end) * (not is_baseline)::int
            + 0.05 * (chance(concat(task, model, metric, split, seed)) - 0.5) end as value,
    value - 0.03 as value_low, value + 0.03 as value_high, unit, better, is_baseline, 40 as groups,
    case when task like 'track_%' then track_model() when task like 'artist%' then artist_model()
        else taste_model() end as model_version,
    case when model like 'convnet%' then 'a smaller input, 4 epochs' end as note
from seeded
"""

MODELS: tuple[str, ...] = (
    _LEADERBOARD,
    """
insert into out.models.releases by name
select 'fan_profiles' as model, 'label' as data_set, window_days, concat(fan_model(), '-', window_days, 'd') as version,
    2 as release_no, 'released' as status, last_day() as window_end, 0.02 as drift,
        'close to the release before' as reason
from fan_window
union all by name
select 'fan_profiles' as model, 'label' as data_set, window_days, concat('label-old-', window_days, 'd') as version,
    1 as release_no,
    'released' as status, last_day() - 30 as window_end, 'first release' as reason
from fan_window
union all by name
select 'fan_profiles' as model, 'label' as data_set, 90 as window_days, 'label-refused-90d' as version, 3 as release_no,
    'refused' as status, last_day() as window_end, 0.4 as drift, 'drift of 0.40 is above 0.15' as reason
""",
    """
insert into out.tracks.shipped_models by name
select track_model() as version, 1 as release_no, 'released' as status, 'sound_ridge' as model,
    'plays_last_90_days' as target,
    92 as tracks, 20 as artists, false as has_embeddings, 0.6 as auc, 0.57 as auc_low, 0.64 as auc_high,
    1.37 as lift_at_10, 1.25 as lift_at_10_low, 1.54 as lift_at_10_high, 0.05 as calibration_error,
    0.023 as calibration_error_low, 0.066 as calibration_error_high
""",
    """
insert into out.taste.releases by name
select taste_model() as version, 1 as release_no, 'released' as status, 'sound_linear' as model, 100 as tracks,
    92 as heard_tracks,
    20 as artists, 4000 as listeners, 40 as factors, 0.16 as recall_at_20, 0.154 as recall_at_20_low,
        0.166 as recall_at_20_high,
    0.105 as random_recall_at_20, 0.102 as random_recall_at_20_low, 0.108 as random_recall_at_20_high
""",
    """
insert into out.streams.deliveries by name
with file as (
    select vendor, last_day() - d::integer as ingest_date, d, 'streams' as resource
    from (values ('spotify'), ('apple'), ('fuga')) v (vendor), range(days()) r (d)
    union all
    select 'roster', last_day() - (30 * d)::integer, d, unnest(['artists', 'releases', 'territories'])
        from range(3) r (d)
),
judged as (
    select *, case when vendor = 'apple' and d = 3 then 'quarantined' when vendor = 'fuga' and d = 5 then 'refused'
            when vendor = 'apple' and d = 9 then 'superseded' else 'loaded' end as status,
        case status when 'quarantined' then 'more than 5 % of the rows are bad' when 'refused' then 'not a gzip file'
            when 'superseded' then 'a later revision of the same report has replaced it' end as reason,
        case when status = 'refused' then 0 else 900 + (200 * chance(concat(vendor,
            ingest_date)))::integer end as rows_read,
        case when status = 'quarantined' then 80 when status = 'refused' then 0
            else (d % 4)::integer end as rejected_rows
    from file
)
select sha256(concat(vendor, resource, ingest_date)) as delivery_id, vendor, ingest_date,
    'made up & co' as licensor, resource,
    concat(vendor, '/', resource, '/', ingest_date) as slot, 1 as revision, status <> 'superseded' as is_current,
    concat('deliveries/', ingest_date + 1, '/', vendor, '/', resource, '_', ingest_date, '.gz') as file_name,
    50 * rows_read + 20 as size_bytes, ingest_date + interval 30 hour as received_at, status, reason, rows_read,
    rows_read - rejected_rows as good_rows, rejected_rows,
    case when status = 'loaded' then good_rows else 0 end as loaded_rows, 0 as erased_rows
from judged
""",
    """
insert into out.streams.rejected_rows by name
select vendor, ingest_date, delivery_id, file_name, 7 * n + 2 as line,
    (['timestamp', null, 'stream_length', 'track_id'])[1 + n % 4] as column_name,
    (['played before 2002-10-01', 'exact duplicate of an earlier row', 'duration is negative or over a day',
        'no track'])[1 + n % 4] as reason
from out.streams.deliveries, range(80) r (n)
where n < rejected_rows
""",
)

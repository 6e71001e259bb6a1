//! The contract of `SessionStore`, as cases that every store must pass.
//!
//! A case is a function of a [`Scene`]: a fresh store, and a way to let its time pass. The macro at the end runs each
//! case against each store. Durations are counted in [`HOUR`]s and time is moved, never waited for, so no case depends
//! on how fast the machine is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the cases are public to the list below and to nothing else")]
#![allow(missing_docs, reason = "the name of a case is the sentence it proves")]

mod claims;
mod clocks;
#[cfg(feature = "postgres")]
mod cluster;
mod contents;
mod creation;
mod datasets;
mod drains;
mod endings;
mod fences;
mod histories;
mod journals;
mod loads;
mod nodes;
mod prepared;
mod races;
mod revocations;
mod roles;
mod scene;
mod sweeps;
mod tokens;
mod touches;

use scene::{HOUR, Scene};

macro_rules! conformance {
    ($($area:ident: [$($case:ident),+ $(,)?]),+ $(,)?) => {
        mod model {
            $(mod $area {
                $(#[tokio::test]
                async fn $case() {
                    crate::$area::$case(crate::Scene::on_the_model()).await;
                })+
            })+
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(mod $area {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$area::$case(crate::Scene::on_sqlite().await).await;
                })+
            })+
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(mod $area {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$area::$case(crate::Scene::on_postgres().await).await;
                })+
            })+
        }
    };
}

conformance! {
    nodes: [
        a_registered_node_is_live_with_its_lease,
        a_node_that_registers_again_is_refreshed,
        a_renewed_lease_runs_from_the_moment_of_renewal,
        a_lease_that_ran_out_is_not_renewed,
        a_lease_that_ran_out_is_not_registered_again,
        an_unknown_node_is_gone,
        a_new_incarnation_of_a_home_retires_the_earlier_one,
        a_retired_incarnation_learns_it_at_its_renewal,
        a_retired_incarnation_can_not_register_again,
        another_home_retires_nobody,
        a_draining_node_keeps_its_lease,
        a_draining_node_can_take_sessions_again,
        a_node_that_says_it_is_gone_has_no_lease_left,
        a_gone_node_can_not_become_live,
        saying_twice_that_a_node_is_gone_is_no_error,
        nodes_are_listed_by_name,
    ],
    creation: [
        a_created_session_is_active_under_the_first_epoch,
        a_created_session_reads_back_as_it_was_answered,
        a_session_expires_as_its_timeouts_say,
        an_unknown_session_is_none,
        a_session_is_created_only_for_a_node_that_is_alive,
        a_draining_node_creates_no_session,
        an_id_is_taken_only_once,
        the_token_hash_is_kept,
        a_session_without_time_limits_can_be_read,
        sessions_are_listed_oldest_first,
        names_of_any_characters_are_kept,
    ],
    claims: [
        a_session_of_a_living_owner_can_not_be_claimed,
        a_session_is_claimed_when_its_owner_lease_is_over,
        a_released_session_is_claimed_at_once,
        a_claim_under_a_stale_epoch_is_lost,
        a_claim_under_a_later_epoch_is_lost,
        a_claim_of_an_unknown_session_is_lost,
        a_claim_of_a_closed_session_is_lost,
        a_claim_of_a_session_that_expired_is_lost,
        a_claim_of_a_swept_session_is_lost,
        a_node_whose_lease_is_over_claims_nothing,
        a_draining_node_claims_nothing,
        an_owner_that_claims_its_own_session_is_told_that_it_has_it,
        a_draining_owner_is_not_robbed,
        a_restart_with_the_same_home_claims_at_once,
        another_home_waits_for_the_lease,
        a_node_that_ended_leaves_its_sessions_to_be_claimed,
        one_of_two_concurrent_claimants_wins,
        one_of_many_concurrent_claimants_wins_each_round,
        a_claim_keeps_everything_else_of_the_session,
        a_released_session_can_be_claimed_by_the_node_that_released_it,
    ],
    fences: [
        a_stale_epoch_is_rejected_on_every_write,
        another_incarnation_is_rejected_on_every_write,
        an_owner_that_lost_its_session_is_rejected_on_every_write,
        a_zombie_is_rejected_on_every_write_before_anyone_claims,
        a_retired_incarnation_is_rejected_on_every_write,
        a_released_session_is_written_by_nobody,
        a_closed_session_is_written_by_nobody,
        an_expired_session_is_written_by_nobody,
        an_unknown_session_is_written_by_nobody,
        a_draining_owner_still_writes,
        a_rejected_write_changes_nothing,
        options_are_replaced_as_a_whole,
    ],
    journals: [
        a_journal_reads_back_in_order,
        the_last_write_of_a_key_wins_and_moves_to_the_end,
        a_forgotten_key_is_gone,
        a_key_written_twice_in_one_batch_keeps_the_last,
        a_key_forgotten_and_written_again_is_at_the_end,
        forgetting_an_unknown_key_is_no_error,
        a_write_that_arrives_after_a_later_one_is_not_made,
        an_empty_batch_is_still_fenced,
        journals_of_two_sessions_do_not_mix,
        a_journal_survives_release_and_claim,
        a_new_owner_continues_the_journal,
        a_long_batch_is_written_whole,
        statements_of_any_characters_are_kept,
    ],
    prepared: [
        a_prepared_statement_reads_back,
        an_unknown_handle_is_none,
        a_handle_of_another_session_is_none,
        a_handle_put_again_is_replaced,
        a_deleted_handle_is_none,
        deleting_an_unknown_handle_is_no_error,
        handles_are_any_bytes,
        prepared_statements_survive_a_takeover,
        concurrent_puts_are_all_kept,
    ],
    touches: [
        a_touch_slides_the_idle_expiry,
        a_touch_does_not_move_the_absolute_expiry,
        a_session_in_use_expires_at_its_greatest_age,
        a_touch_of_another_node_changes_nothing,
        a_touch_does_not_revive_what_expired,
        a_touch_by_a_zombie_changes_nothing,
        a_touch_passes_over_what_it_can_not_touch,
        a_touch_of_nothing_is_no_error,
        a_touch_of_many_sessions_reaches_each,
    ],
    datasets: [
        a_dataset_reads_back_as_it_was_put,
        names_of_datasets_are_compared_without_case,
        a_name_is_taken_only_once_unless_it_is_to_be_replaced,
        datasets_are_listed_by_name,
        a_removed_dataset_is_gone_with_what_was_said_of_it,
        every_change_raises_the_version_and_nothing_else_does,
        the_first_who_describes_a_dataset_fixes_its_columns,
        one_of_many_concurrent_describers_wins_and_all_learn_the_same,
        columns_of_a_generation_that_is_over_are_refused,
        a_name_that_is_used_again_has_a_generation_that_none_ever_had,
        a_refreshed_dataset_is_to_be_described_anew,
        a_refresh_of_all_reaches_the_configured_ones_too,
        a_refresh_of_what_is_not_here_is_one_of_the_configured_ones,
        what_nodes_say_of_a_dataset_is_shown_by_node,
        what_a_node_says_replaces_what_it_said,
        what_is_said_of_a_generation_that_is_over_is_passed_over,
        what_is_said_of_configured_datasets_stands_by_itself,
        a_node_that_is_not_alive_says_nothing,
        what_a_dead_node_said_is_not_shown,
        a_sweep_forgets_what_dead_nodes_said,
        the_moment_of_a_report_is_the_store_s,
    ],
    endings: [
        a_released_session_has_no_owner_and_keeps_its_epoch,
        a_closed_session_says_why,
        a_closed_session_has_nothing_to_replay,
        a_session_is_closed_once,
        an_idle_session_reads_as_expired_before_any_sweep,
        an_old_session_reads_as_expired_before_any_sweep,
        a_released_session_expires_too,
        an_expired_session_stays_expired_for_its_owner,
    ],
    sweeps: [
        a_sweep_of_nothing_does_nothing,
        a_sweep_leaves_what_lives,
        a_sweep_reports_expired_sessions_with_their_owners,
        a_sweep_reports_a_released_session_without_owner,
        a_session_is_reported_by_one_sweep,
        concurrent_sweeps_report_each_session_once,
        an_expired_session_has_nothing_to_replay,
        an_expired_session_says_which_limit_it_reached,
        tombstones_are_kept_as_long_as_asked,
        a_dead_node_s_session_waits_for_a_peer,
        a_gone_node_without_sessions_is_deleted,
        a_gone_node_with_a_session_is_kept,
        a_sweep_marks_nodes_whose_lease_is_over,
        a_deleted_node_can_not_renew,
        an_id_is_free_again_when_its_tombstone_is_gone,
    ],
    roles: [
        a_node_is_what_it_registered_as,
        a_front_creates_no_session,
        a_front_claims_nothing,
        an_engine_owns_sessions,
        a_front_keeps_its_lease_like_any_node,
        a_node_that_registers_again_may_have_another_role,
        a_front_whose_lease_is_over_is_told_that_first,
        a_draining_front_is_still_a_front,
    ],
    loads: [
        a_node_starts_without_load,
        a_renewal_says_how_loaded_the_node_is,
        the_load_of_the_last_renewal_stands,
        loads_of_nodes_do_not_mix,
        a_refused_renewal_leaves_the_load,
        a_number_too_great_is_kept_as_the_greatest,
        a_node_that_registers_again_keeps_its_load,
        a_node_is_found_by_its_incarnation,
        an_unknown_incarnation_is_none,
        a_node_that_is_gone_is_found_until_it_is_swept,
    ],
    drains: [
        a_request_to_drain_is_told_at_the_next_renewal,
        a_request_reaches_every_node_of_the_name_and_no_other,
        a_request_to_nobody_is_no_error,
        a_name_that_looks_like_sql_is_a_name,
        a_node_that_is_not_alive_is_not_asked,
        a_request_stands_for_the_life_of_the_incarnation,
        a_fresh_incarnation_has_not_been_asked,
        a_request_changes_neither_state_nor_lease,
        asking_twice_is_asking_once,
    ],
    revocations: [
        an_operator_ends_an_active_session,
        a_session_that_was_ended_has_nothing_to_replay,
        the_owner_is_told_until_it_acknowledges,
        the_owner_is_fenced_off_at_once,
        a_released_session_is_ended_and_nobody_told,
        an_owner_that_is_not_alive_is_not_told,
        an_unknown_session_is_not_ended,
        what_had_ended_is_left_as_it_is,
        a_session_that_expired_unnoticed_can_be_ended,
        a_revocation_is_pending_until_it_is_acknowledged,
        nothing_is_pending_with_a_node_that_died,
        only_the_owner_s_word_counts,
        acknowledging_what_was_not_told_is_no_error,
        many_revocations_are_told_by_id_and_acknowledged_in_part,
        a_revocation_outlives_the_tombstone,
        a_claim_of_what_an_operator_ended_is_lost,
        one_of_many_concurrent_orders_ends_the_session,
        an_order_and_a_claim_agree_on_the_owner,
        an_order_and_a_close_end_the_session_once,
    ],
    races: [
        each_session_of_a_dead_node_gets_one_owner,
        a_session_is_claimed_or_expires_and_never_both,
        writers_renewals_claims_and_sweeps_do_not_disturb_each_other,
        of_registrations_of_one_home_at_once_the_last_is_alive,
        a_name_is_put_by_one_of_many_at_once,
        releases_of_one_session_at_once_succeed_once,
    ],
    clocks: [
        time_passes_for_every_rule_at_once,
        a_lease_is_over_at_its_very_end,
        a_session_expires_at_the_very_end_of_its_time,
        a_lease_of_no_length_is_over_at_once,
        a_lease_without_end_can_be_given,
    ],
    contents: [
        texts_that_look_like_sql_are_kept_everywhere,
        reasons_of_any_characters_are_kept,
        datasets_of_any_characters_are_kept,
        keys_that_differ_in_one_character_are_two,
        keys_and_handles_of_any_length_are_kept,
        a_huge_journal_is_written_and_read,
        options_of_any_size_are_kept,
        a_prepared_statement_of_any_size_is_kept,
    ],
}

//! One contract, every engine: `memory`, `sqlite`, and `mongo` as a replica set and standalone.

#![allow(clippy::unwrap_used)]

mod contract;
mod support;

/// Makes a test of each function for one engine.
macro_rules! hold {
    ($subject:expr; $($module:ident { $($test:ident),* $(,)? })*) => {
        $($(
            #[tokio::test]
            async fn $test() {
                crate::contract::$module::$test($subject.await).await;
            }
        )*)*
    };
}

/// What every engine promises.
macro_rules! contract {
    ($subject:expr, cases: $cases:expr) => {
        hold! { $subject;
            append {
                an_empty_room,
                appended_events_are_read_as_they_were_written,
                reads_forward_keep_to_their_limits,
                one_batch_holds_many_rooms,
                a_taken_position_is_a_conflict,
                a_known_id_is_a_duplicate,
                an_id_counts_once_within_an_append,
                the_same_append_again_is_written,
                a_stop_touches_no_other_room,
                all_rooms_may_stop,
                an_id_sent_at_once_is_one_event,
                no_id_imitates_another,
                reopening_keeps_epoch_and_events,
                a_full_batch_is_written,
            }
            pages {
                an_empty_page,
                the_newest_fifty_of_sixty,
                has_more_is_exact,
                a_page_is_exact_at_a_position,
                nothing_withdrawn_comes_back,
                many_edits_do_not_shorten_a_page,
                long_runs_of_deleted_messages,
                an_unknown_event_has_its_position_and_is_not_shown,
                the_latest_at_a_place,
            }
        }

        #[test]
        fn random_batches_match_the_model() {
            crate::contract::model::random_batches_match_the_model($cases, $subject);
        }
    };
}

/// What an engine that several nodes may write promises besides.
macro_rules! shared {
    ($subject:expr) => {
        hold! { $subject;
            tail {
                a_tail_sees_what_any_handle_appends,
                nothing_falls_between_tail_and_read,
                two_writers_race_without_holes,
            }
        }
    };
}

/// What an engine of a single writer promises besides.
macro_rules! single {
    ($subject:expr) => {
        hold! { $subject;
            tail { a_single_writer_has_no_tail }
        }
    };
}

mod memory {
    use crate::support::subject::Subject;

    contract!(Subject::memory(), cases: 256);
    shared!(Subject::memory());
}

mod sqlite {
    use crate::support::subject::Subject;

    contract!(Subject::sqlite(), cases: 64);
    single!(Subject::sqlite());
}

mod mongo {
    use crate::support::subject::Subject;

    contract!(Subject::mongo(), cases: 16);
    shared!(Subject::mongo());
}

mod mongo_standalone {
    use crate::support::subject::Subject;

    contract!(Subject::mongo_standalone(), cases: 16);
    single!(Subject::mongo_standalone());
}

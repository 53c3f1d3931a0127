//! The checks pass an adapter that keeps its promises, and each fault fails the check that is about it.

/// Adapters that break one promise each.
mod faulty {
    pub(crate) mod compression;
    pub(crate) mod prefix;
    pub(crate) mod storage;
}

use std::sync::Arc;

use persist_plugin_api::{Bytes, DynStorage, ListRequest};
use persist_plugin_testkit::{
    OpenStorage, compression_checks, handle_checks, remove_scratch, run_compression, run_storage,
    scratch_prefix, storage_checks,
};

use crate::faulty::compression::{CompressionFault, FaultyCompression};
use crate::faulty::prefix::{FaultyPrefix, PrefixFault};
use crate::faulty::storage::{FaultyStorage, StorageFault};

#[tokio::test]
async fn an_adapter_without_faults_passes() {
    run_storage(&FaultyStorage::new(StorageFault::None)).await;
    run_compression(&FaultyCompression::new(CompressionFault::None));
    run_compression(&FaultyPrefix::new(PrefixFault::None));
}

#[tokio::test]
async fn each_storage_fault_fails_its_check() {
    for (fault, name) in [
        (StorageFault::CreateOverwrites, "create::a_taken_key_stays_untouched"),
        (StorageFault::CreateChecksFirst, "create::one_winner"),
        (StorageFault::SaveInTwoSteps, "concurrency::readers_see_whole_objects"),
        (StorageFault::SaveInTwoSteps, "cancel::a_dropped_save_keeps_old_or_new"),
        (StorageFault::SaveInTwoSteps, "cancel::a_dropped_create_is_whole_or_absent"),
        (StorageFault::RangeMustBeInside, "ranges::a_range_is_cut_at_the_end"),
        (StorageFault::RangeMustBeInside, "ranges::a_range_may_be_empty"),
        (StorageFault::AcceptsAnyKey, "keys::invalid_keys_are_refused"),
        (StorageFault::FoldsCase, "keys::letter_case_is_kept"),
        (StorageFault::PagesLoseAnEntry, "listing::every_page_size_lists_the_same"),
        (StorageFault::PrefixIsADirectory, "listing::a_prefix_may_end_inside_a_name"),
        (StorageFault::IgnoresStartAfter, "listing::start_after_is_exclusive"),
        (StorageFault::ListsInReverse, "listing::recursive_listing_is_complete"),
        (StorageFault::DeletesOnlyWhatIsThere, "delete::deleting_twice_succeeds"),
        (StorageFault::DeletesNeighbours, "delete::neighbours_stay"),
        (StorageFault::ExistsIsTrue, "errors::absent_objects_are_not_found"),
        (StorageFault::ReadsKeepPermits, "cancel::dropped_reads_block_nobody"),
        (StorageFault::RangesMustAscend, "panics::reversed_ranges_are_answered"),
        (StorageFault::TrustsContinuations, "panics::absurd_listings_are_answered"),
        (StorageFault::ListsNeighbours, "panics::absurd_listings_keep_to_their_prefix"),
        (StorageFault::ClaimsChange, "capabilities::they_stay_the_same"),
        (StorageFault::BoundIsNone, "capabilities::the_largest_size_is_the_largest"),
    ] {
        let check = storage_checks().into_iter().find(|check| check.name == name).unwrap();
        let outcome = check.attempt(&FaultyStorage::new(fault)).await;
        assert!(outcome.is_err(), "{name} does not notice {fault:?}");
    }
}

#[tokio::test]
async fn each_fault_between_adapters_fails_its_check() {
    for (fault, name) in [
        (StorageFault::None, None),
        (StorageFault::ForgetsWhenReopened, Some("handles::objects_outlive_their_writer")),
        (StorageFault::CreatesPerAdapter, Some("handles::one_winner_among_adapters")),
    ] {
        let objects = Arc::default();
        let open: &OpenStorage<'_> = &|| {
            let store = FaultyStorage::shared(&objects, fault);
            Box::pin(async { Ok(Box::new(store) as Box<dyn DynStorage>) })
        };
        for check in handle_checks() {
            let outcome = check.attempt(open).await;
            assert!(outcome.is_err() || name != Some(check.name), "{} does not notice {fault:?}", check.name);
            assert!(outcome.is_ok() || fault != StorageFault::None, "{}: {outcome:?}", check.name);
        }
    }
}

#[tokio::test]
async fn what_the_checks_leave_behind_can_be_removed() {
    let store = FaultyStorage::new(StorageFault::None);
    store.save("kept", Bytes::from_static(b"x")).await.unwrap();
    run_storage(&store).await;
    assert!(remove_scratch(&store, scratch_prefix()).await.unwrap() > 100);
    let left = store.list(ListRequest::below("")).await.unwrap().objects;
    let left: Vec<&str> = left.iter().map(|meta| meta.key.as_str()).collect();
    assert_eq!(left, ["kept"]);
}

#[test]
fn each_compression_fault_fails_its_check() {
    for (fault, name) in [
        (CompressionFault::IgnoresBound, "bombs_are_bounded"),
        (CompressionFault::IgnoresBound, "the_bound_is_exact"),
        (CompressionFault::IgnoresTail, "trailing_bytes_are_corrupt"),
        (CompressionFault::IgnoresChecksum, "flipped_bits_never_change_the_output"),
        (CompressionFault::CutsShort, "truncated_streams_are_corrupt"),
        (CompressionFault::ClaimsPrefix, "prefix::support_is_honest"),
        (CompressionFault::PanicsOnShortStreams, "damaged_streams_never_panic"),
        (CompressionFault::SharesBuffer, "many_threads_share_it"),
    ] {
        let check = compression_checks().into_iter().find(|check| check.name == name).unwrap();
        assert!(check.attempt(&FaultyCompression::new(fault)).is_err(), "{name} does not notice {fault:?}");
    }
}

#[test]
fn each_prefix_fault_fails_its_check() {
    for (fault, name) in [
        (PrefixFault::WritesWithoutPrefix, "prefix::support_is_honest"),
        (PrefixFault::WritesWithoutPrefix, "prefix::another_prefix_is_another_output"),
        (PrefixFault::ReadsTheBeginning, "prefix::every_prefix_comes_back"),
        (PrefixFault::RefusesEmptyPrefixes, "prefix::every_prefix_comes_back"),
        (PrefixFault::IgnoresBound, "prefix::the_bound_is_exact"),
        (PrefixFault::IgnoresTail, "prefix::trailing_bytes_are_corrupt"),
        (PrefixFault::CutsShort, "prefix::truncated_streams_are_corrupt"),
        (PrefixFault::BlamesOthers, "prefix::damage_is_bounded"),
        (PrefixFault::BlamesOthers, "prefix::another_prefix_is_another_output"),
        (PrefixFault::UnfoldsDamage, "prefix::damage_is_bounded"),
        (PrefixFault::KeepsPrefix, "prefix::other_streams_stay_as_they_are"),
    ] {
        let check = compression_checks().into_iter().find(|check| check.name == name).unwrap();
        assert!(check.attempt(&FaultyPrefix::new(fault)).is_err(), "{name} does not notice {fault:?}");
    }
}

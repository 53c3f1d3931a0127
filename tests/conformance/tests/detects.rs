//! The checks pass an adapter that keeps its promises, and each fault fails the check that is about it.

/// Adapters that break one promise each.
mod faulty {
    pub(crate) mod compression;
    pub(crate) mod prefix;
    pub(crate) mod storage;
}

use persist_conformance::{compression_checks, run_compression, run_storage, storage_checks};

use crate::faulty::compression::{CompressionFault, FaultyCompression};
use crate::faulty::prefix::{FaultyPrefix, PrefixFault};
use crate::faulty::storage::{FaultyStorage, StorageFault};

#[tokio::test]
async fn an_adapter_without_faults_passes() {
    run_storage(&FaultyStorage::new(StorageFault::None)).await;
    run_compression(&FaultyCompression(CompressionFault::None));
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
    ] {
        let check = storage_checks().into_iter().find(|check| check.name == name).unwrap();
        let outcome = (check.run)(&FaultyStorage::new(fault)).await;
        assert!(outcome.is_err(), "{name} does not notice {fault:?}");
    }
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
    ] {
        let check = compression_checks().into_iter().find(|check| check.name == name).unwrap();
        assert!((check.run)(&FaultyCompression(fault)).is_err(), "{name} does not notice {fault:?}");
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
        assert!((check.run)(&FaultyPrefix::new(fault)).is_err(), "{name} does not notice {fault:?}");
    }
}

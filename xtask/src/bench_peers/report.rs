//! The table, in Markdown.

use super::{
    peer::{Figures, Peer},
    states::Workload,
};

/// What a workload is, and the heads of the columns.
pub(super) fn head(workload: &Workload) -> String {
    format!(
        "{}:\n\n| peer | durable | MB stored | MB in blocks | CPU s | wall s | peak MB | restore ms |\n\
         |---|---|---|---|---|---|---|---|\n",
        workload.name
    )
}

/// A peer's row: its figures, or why there are none.
pub(super) fn row(peer: &Peer, figures: &Result<Figures, String>) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let cells = match figures {
        Ok(figures) => format!(
            "{:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0}",
            megabytes(figures.stored_bytes),
            megabytes(figures.allocated_bytes),
            figures.saves.cpu_s,
            figures.saves.wall_s,
            megabytes(figures.saves.peak_bytes),
            figures.restore_s * 1e3
        ),
        Err(reason) => format!("{} | | | | |", reason.replace('|', "/")),
    };
    format!("| {} | {} | {cells} |", peer.name, peer.durable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_as_many_cells_as_the_head() {
        let workload = Workload { name: "states".to_owned(), sessions: Vec::new() };
        let peer = Peer {
            name: "gzip".to_owned(),
            durable: "no",
            version: None,
            setup: Err("not | here".to_owned()),
        };
        let cells = |line: &str| line.matches('|').count();
        let head = head(&workload);
        let wanted = cells(head.lines().last().expect("a line"));
        let figures = Figures { stored_bytes: 1_500_000, ..Figures::default() };
        let row_of_figures = row(&peer, &Ok(figures));
        assert!(row_of_figures.starts_with("| gzip | no | 1.50 | 0.00 |"), "{row_of_figures}");
        for row in [row_of_figures, row(&peer, &Err("not | here".to_owned()))] {
            assert_eq!(cells(&row), wanted, "{row}");
        }
    }
}

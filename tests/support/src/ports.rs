//! Choice of ports for servers that must be told them in advance.

use std::{
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// SeaweedFS serves gRPC on each port plus this.
const GRPC_OFFSET: u16 = 10_000;
/// Both ports of a pair stay below 32768, where Linux begins to hand out ports to clients: a port that was
/// free when it was chosen is then rarely taken before the server binds it.
const FIRST: u16 = 11_000;
const SPAN: u16 = 10_000;

/// Chooses `N` ports that are free on 127.0.0.1, each with the port 10,000 above it.
///
/// They are free now, and nothing keeps them so: a caller starts its server and tries again on a clash.
pub(crate) fn free_pairs<const N: usize>() -> Option<[u16; N]> {
    // Processes start at different places, so that tests running side by side seldom meet.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(process::id().wrapping_mul(37) % u32::from(SPAN)).unwrap_or_default();

    let mut held = Vec::with_capacity(N);
    for _ in 0..SPAN {
        if held.len() == N {
            break;
        }
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % SPAN;
        let port = FIRST + (start + step) % SPAN;
        if let (Ok(http), Ok(grpc)) = (listen(port), listen(port + GRPC_OFFSET)) {
            // Held until all are chosen.
            held.push((port, http, grpc));
        }
    }
    let mut ports = held.iter().map(|(port, ..)| *port);
    let chosen = [0; N].map(|_| ports.next());
    chosen.iter().all(Option::is_some).then(|| chosen.map(Option::unwrap_or_default))
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_free_distinct_and_below_the_ephemeral_range() {
        let ports = free_pairs::<6>().expect("a machine has six free pairs of ports");
        for (index, port) in ports.iter().enumerate() {
            assert!(port + GRPC_OFFSET < 32_768, "{port}");
            assert!(!ports[..index].contains(port), "{ports:?}");
        }
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let [port] = free_pairs::<1>().expect("a free pair of ports");
        let _busy = listen(port + GRPC_OFFSET).expect("it was free");
        for _ in 0..3 {
            assert_ne!(free_pairs::<1>().expect("a free pair of ports"), [port]);
        }
    }
}

//! A server that answers each line with as many letters as the line asks for, and counts what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use super::*;

/// A server of lines `NAME LENGTH`. What it was asked, it keeps.
struct Letters {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Letters {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let asked = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut to = client.try_clone().unwrap();
                    for line in BufReader::new(client).lines() {
                        let Ok(line) = line else { return };
                        let Some(length) = line.split_once(' ').and_then(|(_, length)| length.parse().ok())
                        else {
                            return;
                        };
                        asked.lock().unwrap().push(line);
                        let _ = to.write_all(&vec![b'a'; length]);
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

struct Client(TcpStream);

impl Client {
    fn new(proxy: &Proxy) -> Self {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    /// The bytes of the answer until there are as many as asked for, or no more come.
    fn ask(&mut self, name: &str, length: usize) -> usize {
        // A connection that is cut is seen by the read.
        let _ = self.0.write_all(format!("{name} {length}\n").as_bytes());
        let mut answer = Vec::new();
        let _ = (&mut self.0).take(length as u64).read_to_end(&mut answer);
        answer.len()
    }

    /// Whether the other side says nothing, and does not close either.
    fn is_left_alone(&mut self) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let read = self.0.read(&mut [0; 16]);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

fn through() -> (Letters, Proxy) {
    let server = Letters::start();
    let proxy = Proxy::start(server.address);
    (server, proxy)
}

#[test]
fn without_a_fault_all_goes_through() {
    let (server, proxy) = through();
    let mut client = Client::new(&proxy);
    for length in [1, 100_000, 3_000_000] {
        assert_eq!(client.ask("x", length), length);
    }
    assert_eq!(Client::new(&proxy).ask("y", 5), 5);
    assert_eq!((proxy.connections(), proxy.requests()), (2, 4));
    assert_eq!(server.asked(), ["x 1", "x 100000", "x 3000000", "y 5"]);
}

#[test]
fn a_lost_answer_is_to_a_request_that_was_done() {
    let (server, proxy) = through();
    let strikes = proxy.arm(Rule::request(1, Fault::DropReply));
    let mut client = Client::new(&proxy);
    assert_eq!(client.ask("first", 10), 10);
    assert_eq!(client.ask("lost", 200_000), 0);
    assert_eq!(server.asked(), ["first 10", "lost 200000"]);
    assert_eq!(strikes.count(), 1);
    assert_eq!(Client::new(&proxy).ask("again", 10), 10, "the fault strikes once");
    assert_eq!(strikes.count(), 1);
}

#[test]
fn an_answer_is_cut_where_the_rule_says() {
    let (_server, proxy) = through();
    for cut in [0, 1, 99_999] {
        let strikes = proxy.arm(Rule::holding("cut", Fault::CutReply(cut)));
        let mut client = Client::new(&proxy);
        assert_eq!(client.ask("whole", 100_000), 100_000);
        assert_eq!(client.ask("cut", 100_000), cut);
        assert_eq!(strikes.count(), 1);
        proxy.disarm();
    }
    let strikes = proxy.arm(Rule::holding("short", Fault::CutReply(100)));
    let mut client = Client::new(&proxy);
    assert_eq!(client.ask("short", 10), 10);
    assert_eq!(client.ask("whole", 1_000), 1_000, "an answer that is no longer is whole, and so is the next");
    assert_eq!(strikes.count(), 1);
}

#[test]
fn a_request_that_is_cut_is_not_done() {
    let (server, proxy) = through();
    for cut in [0, 1, 4] {
        let strikes = proxy.arm(Rule::holding("cut", Fault::CutRequest(cut)));
        assert_eq!(Client::new(&proxy).ask("cut", 100), 0);
        assert_eq!(strikes.count(), 1);
    }
    assert!(server.asked().is_empty());
}

#[test]
fn a_request_is_known_when_its_parts_come_apart() {
    let (server, proxy) = through();
    let strikes = proxy.arm(Rule::holding("marker", Fault::CutRequest(0)).always());
    for _ in 0..2 {
        let mut client = Client::new(&proxy);
        client.0.write_all(b"mar").unwrap();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(client.ask("ker", 1), 0);
    }
    assert_eq!(strikes.count(), 2, "this rule strikes always");
    assert!(server.asked().is_empty());
    assert_eq!(proxy.requests(), 2);
}

#[test]
fn a_stall_leaves_the_connection_open() {
    let (server, proxy) = through();
    let strikes = proxy.arm(Rule::request(0, Fault::Stall));
    let mut client = Client::new(&proxy);
    client.0.write_all(b"nothing 1\n").unwrap();
    assert!(client.is_left_alone());
    assert!(server.asked().is_empty());

    let answers = proxy.arm(Rule::holding("done", Fault::StallReply));
    let mut other = Client::new(&proxy);
    other.0.write_all(b"done 1\n").unwrap();
    assert!(other.is_left_alone());
    assert_eq!(server.asked(), ["done 1"]);
    assert_eq!((strikes.count(), answers.count()), (1, 1));
}

#[test]
fn a_stalled_proxy_comes_back_with_new_connections() {
    let (server, proxy) = through();
    let mut client = Client::new(&proxy);
    assert_eq!(client.ask("before", 1), 1);
    proxy.switch(Mode::Stall);
    client.0.write_all(b"during 1\n").unwrap();
    let mut other = Client::new(&proxy);
    assert!(client.is_left_alone() && other.is_left_alone());
    proxy.switch(Mode::Forward);
    assert_eq!((client.ask("after", 1), other.ask("after", 1)), (0, 0), "what stood still is cut");
    assert_eq!(Client::new(&proxy).ask("new", 1), 1);
    assert_eq!(server.asked(), ["before 1", "new 1"]);
}

#[test]
fn a_proxy_that_refuses_can_be_reached_again() {
    let (_server, proxy) = through();
    for _ in 0..3 {
        let mut client = Client::new(&proxy);
        assert_eq!(client.ask("x", 1), 1);
        proxy.switch(Mode::Refuse);
        assert_eq!(client.ask("x", 1), 0, "what was open is cut");
        let refused = TcpStream::connect(proxy.address()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        proxy.switch(Mode::Forward);
    }
    assert_eq!(Client::new(&proxy).ask("x", 1), 1);
    proxy.switch(Mode::Close);
    assert_eq!(Client::new(&proxy).ask("x", 1), 0);
    let address = proxy.address();
    drop(proxy);
    TcpStream::connect(address).unwrap_err();
}

#[test]
fn a_fault_may_be_the_beginning_of_an_outage() {
    let (server, proxy) = through();
    let mut bystander = Client::new(&proxy);
    assert_eq!(bystander.ask("x", 1), 1);
    let strikes = proxy.arm(Rule::holding("last", Fault::DropReply).then(Mode::Close));
    assert_eq!(Client::new(&proxy).ask("last", 1), 0);
    assert_eq!(strikes.count(), 1);
    assert_eq!((bystander.ask("x", 1), Client::new(&proxy).ask("x", 1)), (0, 0));
    assert_eq!(server.asked(), ["x 1", "last 1"], "that one was done");
    proxy.switch(Mode::Forward);
    assert_eq!(Client::new(&proxy).ask("x", 1), 1);
}

#[test]
fn open_connections_can_be_cut() {
    let (_server, proxy) = through();
    let mut client = Client::new(&proxy);
    assert_eq!(client.ask("x", 1), 1);
    proxy.cut();
    assert_eq!(client.ask("x", 1), 0);
    assert_eq!(Client::new(&proxy).ask("x", 1), 1);
}

#[test]
fn a_delay_holds_back_and_keeps_order() {
    let (server, proxy) = through();
    let late = Duration::from_millis(40);
    proxy.delay(late, late);
    let begin = Instant::now();
    let mut client = Client::new(&proxy);
    // Many chunks, of which each is delayed: were it one after the other, this would take minutes.
    assert_eq!(client.ask("x", 64_000_000), 64_000_000);
    assert!(begin.elapsed() >= 2 * late, "latency is what was asked for");
    proxy.delay(Duration::ZERO, Duration::ZERO);
    assert_eq!(client.ask("y", 3), 3);
    assert_eq!(server.asked(), ["x 64000000", "y 3"]);
}

#[test]
fn a_request_that_is_held_comes_late_even_after_its_client() {
    let (server, proxy) = through();
    let held = proxy.arm(Rule::holding(*b"held", Fault::Hold));
    let mut client = Client::new(&proxy);
    client.0.write_all(b"held 3\n").unwrap();
    assert!(client.is_left_alone());
    assert_eq!((held.count(), held.answered()), (1, 0));
    drop(client);
    assert_eq!(Client::new(&proxy).ask("other", 2), 2);
    assert_eq!(server.asked(), ["other 2"]);
    held.release();
    while held.answered() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.asked(), ["other 2", "held 3"]);
    // What was released beforehand does not wait, and its answer comes back.
    let free = proxy.arm(Rule::holding(*b"free", Fault::Hold));
    free.release();
    assert_eq!(Client::new(&proxy).ask("free", 4), 4);
    assert_eq!(free.answered(), 1);
}

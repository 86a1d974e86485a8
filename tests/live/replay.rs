//! Fixtures through the live driver, as if their packets came just now.

use std::collections::VecDeque;
use std::path::PathBuf;

use hangup::capture::live::{Drops, Feed, LiveError, Waited};
use hangup::capture::{LinkType, Packet, PacketId, PacketSource, Step, open_all};
use hangup::engine::live::{Plan, Status, Watcher, live};
use hangup::engine::{Recording, Settings, read};
use hangup::session::{Session, Summary};
use hangup::time::Timestamp;

use crate::cases::cases;

const TENTH: i64 = 100_000_000;

struct Kept {
    number: u64,
    time: Timestamp,
    link: LinkType,
    wire_len: u32,
    data: Vec<u8>,
}

/// Packets of a file, at the pace at which they were captured.
struct Replay {
    packets: VecDeque<Kept>,
    /// The file holds secrets of TLS, too; an interface never does.
    has_secrets: bool,
    now: Timestamp,
}

impl Replay {
    fn of(capture: PathBuf) -> Self {
        let (mut source, errors) = open_all(&[capture]);
        assert!(errors.is_empty(), "{errors:?}");
        let mut packets = VecDeque::new();
        let mut has_secrets = false;
        while let Ok(step) = source.advance() {
            match step {
                Step::Packet => {
                    let packet = source.packet();
                    packets.push_back(Kept {
                        number: packet.id.number(),
                        time: packet.time,
                        link: packet.link,
                        wire_len: packet.wire_len,
                        data: packet.data.to_vec(),
                    });
                }
                Step::Secrets(_) => has_secrets = true,
                Step::Note(_) => {}
                Step::End => break,
            }
        }
        let now = packets
            .front()
            .map_or(Timestamp::default(), |first| first.time);
        Self {
            packets,
            has_secrets,
            now,
        }
    }
}

impl Feed for Replay {
    fn wait(
        &mut self,
        _hurry: bool,
        take: &mut dyn FnMut(&Packet<'_>),
    ) -> Result<Waited, LiveError> {
        let Some(next) = self.packets.front() else {
            return Ok(Waited::End);
        };
        // Long silences in bigger steps: nothing happens in them a tenth of a second matters for.
        let step = TENTH.max(next.time.since(self.now) / 100);
        self.now = Timestamp::from_nanos(self.now.as_nanos() + step);
        while let Some(next) = self.packets.front()
            && next.time <= self.now
            && let Some(kept) = self.packets.pop_front()
        {
            take(&Packet {
                id: PacketId::new(0, kept.number),
                time: kept.time,
                link: kept.link,
                wire_len: kept.wire_len,
                data: &kept.data,
            });
        }
        Ok(Waited::Now(self.now))
    }

    fn drops(&mut self) -> Drops {
        Drops {
            kernel: 2,
            interface: 1,
        }
    }
}

#[derive(Default)]
struct Told(Vec<Session>);

impl Watcher for Told {
    fn session(&mut self, session: Session, _recording: Option<Recording>) {
        self.0.push(session);
    }

    fn status(&mut self, _status: &Status<'_>) {}

    fn should_stop(&mut self) -> bool {
        false
    }
}

/// What must not depend on how packets came. Findings over several sessions and other legs need
/// all sessions at once, so what they change of a cause is not compared.
fn essence(session: &Session) -> String {
    let verdict = &session.verdict;
    format!(
        "{} {} {:?} first {} state {:?} code {:?} closer {:?} views {:?} {:?} closes {} ended {:?}",
        session.client,
        session.server,
        session.opening.path(),
        session.first_packet.number(),
        verdict.state,
        verdict.code,
        verdict.closer,
        verdict.client_view,
        verdict.server_view,
        session.closes.len(),
        session.ended,
    )
}

#[test]
fn what_is_told_as_it_happens_is_what_is_told_afterwards() {
    let mut wrong = Vec::new();
    for case in cases() {
        // That a reset was forged shows when its alleged sender goes on talking: here half a
        // minute later, and nobody waits for that.
        if case.name == "forged-reset-client" {
            continue;
        }
        let capture = case.folder.join(&case.capture);
        let mut told = Told::default();
        let mut replay = Replay::of(capture.clone());
        if replay.has_secrets {
            continue;
        }
        let watched = live(&mut replay, &Plan::default(), &mut told);
        assert!(watched.failed.is_none());
        assert_eq!(watched.summary.dropped, 3);
        assert_eq!(watched.summary.sessions, told.0.len() as u64);
        let numbers = told.0.iter().map(|session| session.number);
        assert!(numbers.eq(1..=told.0.len() as u64), "numbers have no holes");
        let outcome = read(
            &[capture],
            None,
            &Settings::default(),
            &mut |_| {},
            &mut |_, _| {},
        )
        .expect("readable");
        // A connection that was told is not counted again when it is let go of.
        let unread = |summary: &Summary| (summary.tls_without_keys, summary.tls_unread.clone());
        assert_eq!(unread(&watched.summary), unread(&outcome.summary));
        let mut live: Vec<String> = told.0.iter().map(essence).collect();
        for session in outcome.told.iter() {
            let expected = essence(&session);
            match live.iter().position(|told| *told == expected) {
                Some(found) => drop(live.swap_remove(found)),
                None => wrong.push(format!("{}: - {expected}", case.name)),
            }
        }
        wrong.extend(live.iter().map(|told| format!("{}: + {told}", case.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn it_stops_after_so_many_packets() {
    let case = cases().into_iter().next().expect("a case");
    let mut replay = Replay::of(case.folder.join(&case.capture));
    let plan = Plan {
        count: Some(5),
        ..Plan::default()
    };
    let watched = live(&mut replay, &plan, &mut Told::default());
    assert_eq!(watched.summary.packets, 5);
}

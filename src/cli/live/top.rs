//! `--top`: the view on the terminal. A thread has the terminal; what it is told it may miss,
//! and the capture never waits for it.
//!
//! The terminal is given back whatever happens: at the end, after an error, after a panic (the
//! hook of the library), and at a second signal.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::{cursor, event, execute};

use super::messages::Messages;
use super::observe::Seen;
use crate::engine::{OpenSession, Pipeline};
use crate::report::top::{Action, Board, Now, OpenRow, Order, Screen, draw, has};
use crate::report::when::Watch;
use crate::session::{Finding, Session};
use crate::time::Timestamp;

/// News that wait to be shown.
const QUEUE: usize = 4096;
/// Sessions under way that are listed: more than anybody scrolls through.
const MAX_OPEN: usize = 1000;
/// Characters kept of a text that has but one line.
const MAX_TEXT: usize = 256;
/// How long to wait for a key before looking for news.
const KEYS: Duration = Duration::from_millis(100);
/// How long the terminal may take to be given back.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the view is told.
enum News {
    Ended(Arc<Session>, bool),
    Now(Box<Now>),
    Story(Option<Box<Session>>),
    Text(String),
    End,
}

/// What it wants to be told.
#[derive(Clone, Debug, Default)]
struct Wanted {
    order: Order,
    filter: String,
    story: Option<(SocketAddr, SocketAddr)>,
}

/// How the view begins.
pub(super) struct Setting {
    /// What is watched, in a few words.
    pub(super) title: String,
    pub(super) watch: Watch,
    pub(super) color: bool,
    pub(super) begun: Timestamp,
    /// To be set when whoever looks has seen enough.
    pub(super) stop: Arc<AtomicBool>,
}

/// The way to the thread with the terminal.
pub(super) struct Top {
    news: SyncSender<News>,
    wanted: Arc<Mutex<Wanted>>,
    done: Receiver<()>,
    stop: Arc<AtomicBool>,
    messages: Messages,
}

/// Whether there is a terminal to show anything on.
pub(super) fn has_terminal() -> bool {
    io::stdout().is_terminal()
}

impl Top {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Where it is none that can be taken.
    pub(super) fn start(setting: Setting, messages: &Messages) -> io::Result<Self> {
        messages.flush();
        messages.hold();
        let terminal = ratatui::try_init().inspect_err(|_| {
            ratatui::restore();
            messages.release();
        })?;
        let (news, queue) = sync_channel(QUEUE);
        let (finish, done) = sync_channel(1);
        let wanted = Arc::<Mutex<Wanted>>::default();
        let top = Self {
            news,
            wanted: Arc::clone(&wanted),
            done,
            stop: Arc::clone(&setting.stop),
            messages: messages.clone(),
        };
        thread::Builder::new()
            .name("top".to_owned())
            .spawn(move || {
                let stop = Arc::clone(&setting.stop);
                // A terminal that went away is no reason to go on without anybody looking.
                let _ = show(terminal, setting, &queue, &wanted);
                stop.store(true, Ordering::Relaxed);
                ratatui::restore();
                let _ = finish.send(());
            })?;
        Ok(top)
    }

    /// A session ended. Never blocks.
    pub(super) fn session(&self, session: &Arc<Session>, is_shown: bool) {
        let _ = self
            .news
            .try_send(News::Ended(Arc::clone(session), is_shown));
    }

    /// Something was found. Never blocks.
    pub(super) fn finding(&self, finding: &Finding) {
        let _ = self.news.try_send(News::Text(finding.summary.clone()));
    }

    /// Once a second. Never blocks.
    pub(super) fn look(&self, seen: &mut Seen<'_>) {
        // It panicked, or the terminal was closed: nobody is left who wants to see it.
        let is_gone = matches!(self.done.try_recv(), Err(TryRecvError::Disconnected));
        if is_gone || !has_terminal() {
            self.stop.store(true, Ordering::Relaxed);
        }
        seen.pipeline.shorten_stories();
        let Ok(wanted) = self.wanted.try_lock().map(|wanted| wanted.clone()) else {
            return;
        };
        let _ = self.news.try_send(News::Now(Box::new(now(seen, &wanted))));
        if let Some(text) = self.messages.last() {
            let _ = self.news.try_send(News::Text(text));
        }
        if let Some((client, server)) = wanted.story {
            let found = seen.pipeline.open(
                1,
                |_| 0,
                |session| (session.client, session.server) == (client, server),
            );
            let id = found.first().map(|session| session.id);
            let story = id.and_then(|id| seen.pipeline.as_it_stands(id));
            let _ = self.news.try_send(News::Story(story.map(Box::new)));
        }
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        // Where the queue is full the thread sees that nobody sends any more.
        let _ = self.news.try_send(News::End);
        if self.done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            give_back();
        }
        self.messages.release();
    }
}

/// Gives the terminal back, from wherever; waits for no terminal that is blocked.
pub(super) fn give_back() {
    let (finish, done) = sync_channel(1);
    let giving = thread::Builder::new().spawn(move || {
        ratatui::restore();
        let _ = execute!(io::stdout(), cursor::Show);
        let _ = finish.send(());
    });
    if giving.is_ok() {
        let _ = done.recv_timeout(PATIENCE);
    }
}

/// How it stands, with no more of the sessions under way than is looked at.
fn now(seen: &Seen<'_>, asked: &Wanted) -> Now {
    let glance = seen.pipeline.glance();
    let summary = seen.pipeline.summary();
    Now {
        time: seen.now,
        open: open(seen.pipeline, asked),
        open_in_all: glance.sessions,
        connections: glance.connections,
        held: glance.held,
        packets: summary.packets,
        dropped_by_kernel: seen.drops.kernel,
        dropped_by_interface: seen.drops.interface,
        lost_bytes: summary.lost_bytes,
        unwritten: seen.untold,
    }
}

fn begun(session: &OpenSession<'_>) -> Timestamp {
    session.opened.unwrap_or(session.started)
}

fn open(pipeline: &Pipeline, asked: &Wanted) -> Vec<OpenRow> {
    let key = |session: &OpenSession<'_>| {
        let nanos = match asked.order {
            Order::Age => begun(session).as_nanos(),
            Order::Idle => session.last.as_nanos(),
            Order::Youth => begun(session).as_nanos().saturating_neg(),
            Order::Bytes => i64::try_from(session.bytes)
                .unwrap_or(i64::MAX)
                .saturating_neg(),
        };
        (nanos, session.client, session.server)
    };
    let wanted = |session: &OpenSession<'_>| {
        let (host, path) = (
            session.host.unwrap_or_default(),
            session.path.unwrap_or_default(),
        );
        has(&asked.filter, session.client, session.server, host, path)
    };
    let mut open = pipeline.open(MAX_OPEN, key, wanted);
    open.sort_unstable_by_key(key);
    let text = |text: Option<&str>| text.unwrap_or_default().chars().take(MAX_TEXT).collect();
    let row = |session: OpenSession<'_>| OpenRow {
        client: session.client,
        server: session.server,
        host: text(session.host),
        path: text(session.path),
        begun: begun(&session),
        last: session.last,
        messages: session.messages,
        bytes: session.bytes,
    };
    open.into_iter().map(row).collect()
}

/// Draws and takes keys until the end.
fn show(
    mut terminal: DefaultTerminal,
    setting: Setting,
    queue: &Receiver<News>,
    wanted: &Mutex<Wanted>,
) -> io::Result<()> {
    let mut board = Board::new(setting.title, setting.begun);
    let mut screen = Screen::default();
    let mut drawn = None;
    let mut is_changed = true;
    loop {
        loop {
            match queue.try_recv() {
                Ok(News::Ended(session, is_shown)) => {
                    board.session(&session, is_shown);
                    screen.ended(&session, is_shown);
                }
                Ok(News::Now(now)) => board.now = *now,
                Ok(News::Story(session)) => screen.told(session.map(|session| *session)),
                Ok(News::Text(text)) => board.news = Some(text),
                Ok(News::End) | Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => break,
            }
            is_changed = true;
        }
        if let Ok(mut wanted) = wanted.lock() {
            wanted.story = screen.wanted();
            wanted.order = screen.order;
            wanted.filter.clone_from(&screen.filter);
        }
        // Not as often as things happen: nobody reads so fast.
        if is_changed && drawn.is_none_or(|drawn: Instant| drawn.elapsed() >= KEYS) {
            terminal
                .draw(|frame| draw(frame, &board, &mut screen, &setting.watch, setting.color))?;
            drawn = Some(Instant::now());
            is_changed = false;
        }
        if !event::poll(KEYS)? {
            continue;
        }
        is_changed = true;
        if let event::Event::Key(key) = event::read()? {
            // What a key does is seen at once.
            drawn = None;
            if screen.press(key, &board) == Action::Quit {
                return Ok(());
            }
        }
    }
}

//! What keys do.

use std::net::SocketAddr;
use std::sync::Arc;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::board::{Board, OpenRow};
use crate::session::Session;

/// Longest filter.
const MAX_FILTER: usize = 64;

/// By what open sessions are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    #[default]
    Age,
    /// Those that were quiet for longest first.
    Idle,
    /// The youngest first.
    Youth,
    /// Those with most bytes first.
    Bytes,
}

impl Order {
    const fn next(self) -> Self {
        match self {
            Self::Age => Self::Idle,
            Self::Idle => Self::Youth,
            Self::Youth => Self::Bytes,
            Self::Bytes => Self::Age,
        }
    }

    /// In a few words.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Age => "oldest first",
            Self::Idle => "idle for longest first",
            Self::Youth => "youngest first",
            Self::Bytes => "most bytes first",
        }
    }
}

/// One of the two lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// Sessions under way.
    #[default]
    Open,
    /// Sessions that ended.
    Ended,
}

/// What whoever runs the view has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing but draw.
    None,
    /// End the run.
    Quit,
}

/// A session at length.
#[derive(Clone, Debug)]
pub(super) struct Story {
    /// Whose.
    pub(super) ends: (SocketAddr, SocketAddr),
    /// `None` until it was asked for.
    pub(super) session: Option<Arc<Session>>,
    /// It still went on.
    pub(super) is_open: bool,
    /// Lines that are above the screen.
    pub(super) scroll: u16,
}

/// What whoever looks at it has chosen.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    /// How open sessions are sorted.
    pub order: Order,
    /// Only sessions with this in them.
    pub filter: String,
    pub(super) is_typing: bool,
    pub(super) panel: Panel,
    /// The line with the cursor in either list.
    pub(super) open_at: usize,
    pub(super) ended_at: usize,
    /// The board as it was when it was to stand still.
    pub(super) paused: Option<Box<Board>>,
    pub(super) story: Option<Story>,
}

impl Screen {
    /// The ends of the open session whose story is looked at.
    pub fn wanted(&self) -> Option<(SocketAddr, SocketAddr)> {
        let story = self.story.as_ref()?;
        story.is_open.then_some(story.ends)
    }

    /// That session as it stands now; `None` where it goes on no more.
    pub fn told(&mut self, session: Option<Session>) {
        if let Some(story) = &mut self.story
            && story.is_open
        {
            match session {
                Some(session) => story.session = Some(Arc::new(session)),
                None => story.is_open = false,
            }
        }
    }

    /// A session ended: perhaps the one that is looked at.
    pub fn ended(&mut self, session: &Arc<Session>, is_listed: bool) {
        if let Some(story) = &mut self.story
            && story.is_open
            && story.ends == (session.client, session.server)
        {
            story.session = Some(Arc::clone(session));
            story.is_open = false;
        }
        // The cursor stays on its line, unless it is on the latest.
        let fits =
            is_listed && self.paused.is_none() && matches(&self.filter, &ended_words(session));
        if fits && self.ended_at > 0 {
            self.ended_at += 1;
        }
    }

    /// What is to be shown: now, or when it was to stand still.
    pub(super) fn shown<'a>(&'a self, board: &'a Board) -> &'a Board {
        self.paused.as_deref().unwrap_or(board)
    }

    /// The sessions that ended and match the filter.
    pub(super) fn ended_rows<'a>(&'a self, board: &'a Board) -> Vec<&'a Arc<Session>> {
        let ended = self.shown(board).ended.iter();
        ended
            .filter(|session| matches(&self.filter, &ended_words(session)))
            .collect()
    }

    /// The sessions under way that match it: while it stands still, the filter may have changed.
    pub(super) fn open_rows<'a>(&'a self, board: &'a Board) -> Vec<&'a OpenRow> {
        let open = self.shown(board).now.open.iter();
        open.filter(|row| has(&self.filter, row.client, row.server, &row.host, &row.path))
            .collect()
    }

    /// A key was pressed.
    pub fn press(&mut self, key: KeyEvent, board: &Board) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::None;
        }
        // In raw mode the terminal makes no signal of it.
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Action::Quit;
        }
        if self.is_typing {
            self.type_filter(key.code);
        } else if let Some(story) = &mut self.story {
            let step = |by: i32| i32::from(story.scroll).saturating_add(by).clamp(0, 60_000);
            let scrolled = match key.code {
                KeyCode::Esc | KeyCode::Backspace | KeyCode::Enter | KeyCode::Left => {
                    self.story = None;
                    return Action::None;
                }
                KeyCode::Char('q') => return Action::Quit,
                KeyCode::Up | KeyCode::Char('k') => step(-1),
                KeyCode::Down | KeyCode::Char('j') => step(1),
                KeyCode::PageUp => step(-20),
                KeyCode::PageDown | KeyCode::Char(' ') => step(20),
                KeyCode::Home | KeyCode::Char('g') => 0,
                KeyCode::End | KeyCode::Char('G') => 60_000,
                _ => return Action::None,
            };
            story.scroll = u16::try_from(scrolled).unwrap_or(u16::MAX);
        } else {
            return self.press_in_lists(key.code, board);
        }
        Action::None
    }

    fn press_in_lists(&mut self, code: KeyCode, board: &Board) -> Action {
        let rows = match self.panel {
            Panel::Open => self.open_rows(board).len(),
            Panel::Ended => self.ended_rows(board).len(),
        };
        let last = rows.saturating_sub(1);
        let at = match self.panel {
            Panel::Open => &mut self.open_at,
            Panel::Ended => &mut self.ended_at,
        };
        match code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => {
                self.panel = match self.panel {
                    Panel::Open => Panel::Ended,
                    Panel::Ended => Panel::Open,
                };
            }
            KeyCode::Up | KeyCode::Char('k') => *at = at.saturating_sub(1).min(last),
            KeyCode::Down | KeyCode::Char('j') => *at = at.saturating_add(1).min(last),
            KeyCode::PageUp => *at = at.saturating_sub(10).min(last),
            KeyCode::PageDown => *at = at.saturating_add(10).min(last),
            KeyCode::Home | KeyCode::Char('g') => *at = 0,
            KeyCode::End | KeyCode::Char('G') => *at = last,
            KeyCode::Char('s') => {
                self.order = self.order.next();
                self.open_at = 0;
            }
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('p' | ' ') => {
                self.paused = match self.paused {
                    Some(_) => None,
                    None => Some(Box::new(board.clone())),
                };
            }
            KeyCode::Enter => self.open_story(board),
            _ => {}
        }
        Action::None
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if self.filter.len() < MAX_FILTER => self.filter.push(c),
            _ => {}
        }
        (self.open_at, self.ended_at) = (0, 0);
    }

    fn open_story(&mut self, board: &Board) {
        let story = match self.panel {
            Panel::Open => {
                let rows = self.open_rows(board);
                rows.get(self.open_at.min(rows.len().saturating_sub(1)))
                    .map(|row| Story {
                        ends: (row.client, row.server),
                        session: None,
                        is_open: true,
                        scroll: 0,
                    })
            }
            Panel::Ended => {
                let rows = self.ended_rows(board);
                rows.get(self.ended_at.min(rows.len().saturating_sub(1)))
                    .map(|session| Story {
                        ends: (session.client, session.server),
                        session: Some(Arc::clone(session)),
                        is_open: false,
                        scroll: 0,
                    })
            }
        };
        if story.is_some() {
            self.story = story;
        }
    }
}

/// What of a session that ended is looked for in.
fn ended_words(session: &Session) -> [String; 6] {
    let code = session.verdict.code;
    [
        session.client.to_string(),
        session.server.to_string(),
        session.opening.host().unwrap_or_default().to_owned(),
        session.opening.path().unwrap_or_default().to_owned(),
        code.map_or_else(String::new, |code| code.to_string()),
        session.verdict.cause.to_owned(),
    ]
}

/// Whether a session under way has `filter` in what is shown of it.
pub fn has(filter: &str, client: SocketAddr, server: SocketAddr, host: &str, path: &str) -> bool {
    filter.is_empty()
        || matches(filter, &[host, path])
        || matches(filter, &[client.to_string(), server.to_string()])
}

/// Whether any of the `words` has the filter in it; capital letters count as small ones.
fn matches<T: AsRef<str>>(filter: &str, words: &[T]) -> bool {
    let filter = filter.to_ascii_lowercase();
    let has = |word: &T| word.as_ref().to_ascii_lowercase().contains(&filter);
    filter.is_empty() || words.iter().any(has)
}

//! The screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use super::board::{Board, OpenRow};
use super::columns::{Column, fit, line};
use super::keys::{Panel, Screen, Story};
use crate::report::ladder::Ladder;
use crate::report::look::Look;
use crate::report::text::{count, counted, escape, shorten_end, width};
use crate::report::when::{Watch, shortest_span};
use crate::report::words::party;
use crate::report::{Captures, Row, Sink};
use crate::session::{Session, Verdict};

const fn column(title: &'static str, least: usize, rank: u8) -> Column {
    Column {
        title,
        least,
        grows: false,
        rank,
        right: false,
        keeps_end: false,
    }
}

/// An address or a path.
const fn place(title: &'static str, least: usize, rank: u8) -> Column {
    Column {
        keeps_end: true,
        ..column(title, least, rank)
    }
}

const fn number(title: &'static str, least: usize, rank: u8) -> Column {
    Column {
        right: true,
        ..column(title, least, rank)
    }
}

const OPEN: [Column; 7] = [
    number("AGE", 9, 1),
    number("IDLE", 9, 2),
    place("CLIENT", 21, 3),
    place("SERVER", 21, 5),
    Column {
        grows: true,
        ..place("PATH", 10, 4)
    },
    number("MESSAGES", 9, 7),
    number("BYTES", 11, 6),
];

const ENDED: [Column; 8] = [
    column("ENDED", 8, 3),
    number("LASTED", 9, 4),
    number("CODE", 4, 1),
    column("BY", 7, 5),
    Column {
        grows: true,
        ..column("WHAT HAPPENED", 24, 2)
    },
    place("CLIENT", 21, 7),
    place("SERVER", 21, 8),
    Column {
        grows: true,
        ..place("PATH", 10, 6)
    },
];

const KEYS: &str = "q quit  tab other list  ↑↓ move  enter story  s sort  / filter  p pause";
const STORY_KEYS: &str = "esc back  ↑↓ PgUp PgDn move  q quit";

/// How it looks.
struct Looks<'a> {
    watch: &'a Watch,
    color: bool,
}

impl Looks<'_> {
    fn color(&self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// Draws everything, on a screen of any size.
pub fn draw(frame: &mut Frame<'_>, board: &Board, screen: &mut Screen, watch: &Watch, color: bool) {
    let looks = Looks { watch, color };
    let area = frame.area();
    if let Some(story) = &mut screen.story {
        return draw_story(frame, area, story, &looks);
    }
    let shown = screen.shown(board);
    let head = head(shown, screen, &looks, area.width.into());
    // What there is too little room for goes from the bottom of the head.
    let lines = match area.height {
        ..8 => 1,
        8..14 => 3,
        14.. => head.len(),
    };
    let head: Vec<Line<'_>> = head.into_iter().take(lines).collect();
    let foot = u16::from(area.height >= 6);
    let [above, lists, below] = Layout::vertical([
        Constraint::Length(u16::try_from(head.len()).unwrap_or(u16::MAX)),
        Constraint::Min(0),
        Constraint::Length(foot),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(head), above);
    if lists.height >= 8 {
        let halves = [Constraint::Fill(1), Constraint::Fill(1)];
        let [open, ended] = Layout::vertical(halves).areas(lists);
        draw_open(frame, open, board, screen);
        draw_ended(frame, ended, board, screen, &looks);
    } else {
        match screen.panel {
            Panel::Open => draw_open(frame, lists, board, screen),
            Panel::Ended => draw_ended(frame, lists, board, screen, &looks),
        }
    }
    let foot = if screen.is_typing {
        Line::styled(
            format!("filter: {}▏  enter keep  esc clear", escape(&screen.filter)),
            BOLD,
        )
    } else {
        Line::styled(KEYS, DIM)
    };
    frame.render_widget(Paragraph::new(foot), below);
}

/// What stands above the lists, the most important first.
fn head(board: &Board, screen: &Screen, looks: &Looks<'_>, room: usize) -> Vec<Line<'static>> {
    let now = &board.now;
    let mut right = looks.watch.brief(now.time);
    if screen.paused.is_some() {
        right.insert_str(0, "PAUSED  ");
    }
    let title = format!("hangup  {}", escape(&board.title));
    let title = shorten_end(&title, room.saturating_sub(width(&right) + 1)).into_owned();
    let blank = " ".repeat(room.saturating_sub(width(&title) + width(&right)));
    let dropped = now
        .dropped_by_kernel
        .saturating_add(now.dropped_by_interface);
    let ended = board.told.saturating_sub(board.failed);
    let mut lines = vec![
        Line::from(vec![
            Span::styled(title, BOLD),
            Span::raw(blank),
            Span::styled(right, if screen.paused.is_some() { BOLD } else { DIM }),
        ]),
        Line::raw(format!(
            "{} open, {} ended, {} never opened ({} abnormal) in {}",
            count(now.open_in_all as u64),
            count(ended),
            count(board.failed),
            count(board.abnormal),
            shortest_span(now.time.since(board.begun)),
        )),
    ];
    let mut packets = vec![Span::raw(format!(
        "{}, {}, ",
        counted(now.connections as u64, "TCP connection"),
        counted(now.packets, "packet")
    ))];
    let lost = format!("{} dropped", count(dropped));
    packets.push(Span::styled(
        lost,
        if dropped > 0 {
            looks.color(Color::Yellow).add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        },
    ));
    if now.dropped_by_interface > 0 {
        let by = count(now.dropped_by_interface);
        packets.push(Span::raw(format!(" ({by} of them by the interface)")));
    }
    if now.lost_bytes > 0 {
        packets.push(Span::raw(format!(
            ", {} missing",
            counted(now.lost_bytes, "byte")
        )));
    }
    if now.unwritten > 0 {
        packets.push(Span::raw(format!(
            ", {} not written",
            counted(now.unwritten, "row")
        )));
    }
    lines.push(Line::from(packets));
    lines.push(codes(board, looks, room));
    if let Some(news) = &board.news {
        let news = shorten_end(&escape(news), room).into_owned();
        lines.push(Line::styled(news, looks.color(Color::Yellow)));
    }
    lines
}

/// How many of each code, the most frequent first, as many as there is room for.
fn codes(board: &Board, looks: &Looks<'_>, room: usize) -> Line<'static> {
    let mut codes: Vec<(Option<u16>, u64)> = board.codes.iter().map(|(&c, &n)| (c, n)).collect();
    codes.sort_by_key(|&(code, sessions)| (std::cmp::Reverse(sessions), code));
    let mut spans = Vec::new();
    let mut left = room;
    for (code, sessions) in codes {
        let name = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
        let times = format!(" × {}   ", count(sessions));
        let Some(less) = left.checked_sub(width(&name) + width(times.trim_end())) else {
            break;
        };
        left = less.saturating_sub(3);
        spans.push(Span::styled(name, code_style(code, looks)));
        spans.push(Span::raw(times));
    }
    Line::from(spans)
}

/// As in tables: quiet for a goodbye, red where there was none, yellow else.
fn code_style(code: Option<u16>, looks: &Looks<'_>) -> Style {
    match code {
        None | Some(1000 | 1001 | 1005) => Style::new(),
        Some(1006 | 1015) => looks.color(Color::Red),
        Some(_) => looks.color(Color::Yellow),
    }
}

fn draw_open(frame: &mut Frame<'_>, area: Rect, board: &Board, screen: &Screen) {
    let rows = screen.open_rows(board);
    let now = &screen.shown(board).now;
    let shown = if rows.len() < now.open_in_all {
        format!(
            "{} of {}",
            count(rows.len() as u64),
            count(now.open_in_all as u64)
        )
    } else {
        count(rows.len() as u64)
    };
    let title = format!(
        "Open: {shown}, {}{}",
        screen.order.in_words(),
        filtered(screen)
    );
    let cell = |row: &OpenRow, at: usize| match at {
        0 => shortest_span(now.time.since(row.begun).max(0)),
        1 => shortest_span(now.time.since(row.last).max(0)),
        2 => row.client.to_string(),
        3 => row.server.to_string(),
        4 => row.path.clone(),
        5 => count(row.messages),
        _ => count(row.bytes),
    };
    let list = List {
        title,
        has_cursor: screen.panel == Panel::Open,
        at: screen.open_at,
        columns: &OPEN,
    };
    list.draw(
        frame,
        area,
        &rows,
        |row, at| cell(row, at),
        |_| Style::new(),
    );
}

fn draw_ended(
    frame: &mut Frame<'_>,
    area: Rect,
    board: &Board,
    screen: &Screen,
    looks: &Looks<'_>,
) {
    let rows = screen.ended_rows(board);
    let title = format!(
        "Ended: the last {}{}",
        count(rows.len() as u64),
        filtered(screen)
    );
    let cell = |session: &Session, at: usize| match at {
        0 => session
            .ended
            .map_or_else(String::new, |ended| looks.watch.brief(ended)),
        1 => {
            let lasted = session
                .ended
                .map(|ended| ended.since(session.started).max(0));
            lasted.map_or_else(String::new, shortest_span)
        }
        2 => session
            .verdict
            .code
            .map_or_else(|| "-".to_owned(), |code| code.to_string()),
        3 => session.verdict.closer.map_or("-", party).to_owned(),
        4 => what(&session.verdict, session.opening.http_status),
        5 => session.client.to_string(),
        6 => session.server.to_string(),
        _ => session.opening.path().unwrap_or_default().to_owned(),
    };
    let list = List {
        title,
        has_cursor: screen.panel == Panel::Ended,
        at: screen.ended_at,
        columns: &ENDED,
    };
    list.draw(
        frame,
        area,
        &rows,
        |session, at| cell(session, at),
        |session| code_style(session.verdict.code, looks),
    );
}

/// The cause, with the reason or status that goes with it.
fn what(verdict: &Verdict, status: Option<u16>) -> String {
    match (&verdict.reason, status) {
        (Some(reason), _) if !reason.is_empty() => format!("{} “{reason}”", verdict.cause),
        (_, Some(status)) if verdict.cause == "upgrade-refused" => {
            format!("{} {status}", verdict.cause)
        }
        _ => verdict.cause.to_owned(),
    }
}

fn filtered(screen: &Screen) -> String {
    if screen.filter.is_empty() {
        String::new()
    } else {
        format!(", with “{}”", escape(&screen.filter))
    }
}

/// A list with a cursor.
struct List<'a> {
    title: String,
    has_cursor: bool,
    at: usize,
    columns: &'a [Column],
}

impl List<'_> {
    fn draw<T>(
        self,
        frame: &mut Frame<'_>,
        area: Rect,
        rows: &[T],
        cell: impl Fn(&T, usize) -> String,
        style: impl Fn(&T) -> Style,
    ) {
        let title_style = if self.has_cursor { BOLD } else { DIM };
        let title =
            shorten_end(&self.title, usize::from(area.width).saturating_sub(4)).into_owned();
        let block = Block::new()
            .borders(Borders::TOP)
            .border_style(DIM)
            .title(Span::styled(format!(" {title} "), title_style));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let fitting = fit(self.columns, inner.width.into());
        let titles = line(self.columns, &fitting, |at| {
            self.columns
                .get(at)
                .map_or("", |column| column.title)
                .to_owned()
        });
        let mut lines = vec![Line::styled(titles, DIM)];
        let room = usize::from(inner.height).saturating_sub(1);
        let at = self.at.min(rows.len().saturating_sub(1));
        let first = (at + 1).saturating_sub(room);
        for (index, row) in rows.iter().enumerate().skip(first).take(room) {
            let mut style = style(row);
            if self.has_cursor && index == at {
                style = style.add_modifier(Modifier::REVERSED);
            }
            let text = line(self.columns, &fitting, |at| cell(row, at));
            lines.push(Line::styled(text, style));
        }
        frame.render_widget(Paragraph::new(lines), inner);
    }
}

fn draw_story(frame: &mut Frame<'_>, area: Rect, story: &mut Story, looks: &Looks<'_>) {
    let [above, below] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
    let text = match &story.session {
        None => "Asking …".to_owned(),
        Some(session) => told(session, above.width.into(), looks),
    };
    let lines: Vec<Line<'_>> = text.lines().map(Line::raw).collect();
    let most = lines.len().saturating_sub(above.height.into());
    // Whoever went to the end goes back from there.
    story.scroll = story.scroll.min(u16::try_from(most).unwrap_or(u16::MAX));
    let scroll = usize::from(story.scroll);
    let visible: Vec<Line<'_>> = lines
        .into_iter()
        .skip(scroll)
        .take(above.height.into())
        .collect();
    frame.render_widget(Paragraph::new(visible), above);
    let state = if story.is_open { "goes on; " } else { "" };
    let more = if scroll < most { "  (more below)" } else { "" };
    let foot = format!("{state}{STORY_KEYS}{more}");
    frame.render_widget(Paragraph::new(Line::styled(foot, DIM)), below);
}

/// Everything about a session.
fn told(session: &Session, room: usize, looks: &Looks<'_>) -> String {
    let look = Look {
        width: Some(room),
        color: false,
        watch: looks.watch.clone(),
        verbose: true,
    };
    let mut out = Vec::new();
    let mut ladder = Ladder::new(&mut out, look, Captures::new(&[]));
    // Writing to memory cannot fail.
    let _ = ladder.row(&Row::Session(session));
    for event in &session.events {
        let _ = ladder.row(&Row::Event(session, event));
    }
    let _ = ladder.flush();
    String::from_utf8_lossy(&out).into_owned()
}

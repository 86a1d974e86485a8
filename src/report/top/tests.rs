//! The screen as a terminal of a given size shows it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is a failure"
)]

use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::report::sample::{self, at};
use crate::report::text::is_harmful;
use crate::report::when::{Clock, Watch};
use crate::session::State;

fn row(number: u16, path: &str) -> OpenRow {
    OpenRow {
        client: format!("10.0.0.5:{}", 40_000 + number).parse().unwrap(),
        server: "10.0.0.9:443".parse().unwrap(),
        host: "chat.example".to_owned(),
        path: path.to_owned(),
        begun: at(1_000 * i64::from(number)),
        last: at(60_000),
        messages: 1_234,
        bytes: 5_678_900,
    }
}

fn board() -> Board {
    let mut board = Board::new("eth0 tcp port 443".to_owned(), at(0));
    board.session(&Arc::new(sample::normal(1)), true);
    board.session(&Arc::new(sample::abrupt(2)), true);
    let mut failed = sample::normal(3);
    (failed.verdict.state, failed.verdict.cause) = (State::Failed, "upgrade-refused");
    failed.opening.http_status = Some(403);
    board.session(&Arc::new(failed), false);
    board.now = Now {
        time: at(90_000),
        open: vec![row(1, "/chat"), row(2, "/news?x=1")],
        open_in_all: 2_000,
        connections: 2_005,
        packets: 123_456,
        dropped_by_kernel: 7,
        ..Now::default()
    };
    board
}

fn shown(board: &Board, screen: &mut Screen, columns: u16, rows: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let watch = Watch::new(Clock::Utc, at(0));
    terminal
        .draw(|frame| draw(frame, board, screen, &watch, true))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let cells: Vec<&str> = buffer.content().iter().map(|cell| cell.symbol()).collect();
    cells
        .chunks(columns.into())
        .map(|line| line.concat().trim_end().to_owned())
        .collect()
}

fn press(screen: &mut Screen, board: &Board, codes: &[KeyCode]) -> Action {
    let mut action = Action::None;
    for &code in codes {
        action = screen.press(KeyEvent::new(code, KeyModifiers::NONE), board);
    }
    action
}

#[test]
fn a_usual_terminal_shows_everything() {
    let lines = shown(&board(), &mut Screen::default(), 80, 24);
    let blank = String::new();
    let clock = Watch::new(Clock::Utc, at(0)).brief(at(90_000));
    let cut = Watch::new(Clock::Utc, at(0)).brief(sample::abrupt(2).ended.unwrap());
    assert_eq!(lines.len(), 24);
    assert_eq!(
        lines[..8],
        [
            format!("hangup  eth0 tcp port 443{}{clock}", " ".repeat(47)),
            "2,000 open, 2 ended, 1 never opened (2 abnormal) in 90.0 s".to_owned(),
            "2,005 TCP connections, 123,456 packets, 7 dropped".to_owned(),
            "1000 × 1   1006 × 1".to_owned(),
            format!(" Open: 2 of 2,000, oldest first {}", "─".repeat(48)),
            "      AGE      IDLE CLIENT                SERVER                PATH".to_owned(),
            "   89.0 s    30.0 s 10.0.0.5:40001        10.0.0.9:443          /chat".to_owned(),
            "   88.0 s    30.0 s 10.0.0.5:40002        10.0.0.9:443          /news?x=1".to_owned(),
        ],
        "{lines:#?}"
    );
    assert_eq!(lines[8], blank);
    let ended = lines
        .iter()
        .position(|line| line.starts_with(" Ended: the last 2 "))
        .unwrap();
    assert!(lines[ended + 1].starts_with("ENDED       LASTED CODE BY      WHAT HAPPENED"));
    // The latest first; one that is not to be shown is only counted.
    assert!(
        lines[ended + 2].starts_with(&cut) && lines[ended + 2].contains(" 1006 "),
        "{lines:#?}"
    );
    assert!(lines[ended + 3].contains(" 1000 "), "{lines:#?}");
    assert!(lines[23].starts_with("q quit"));
}

#[test]
fn no_size_is_too_small_or_too_large() {
    let (board, mut screen) = (board(), Screen::default());
    for (columns, rows) in [
        (1, 1),
        (2, 30),
        (30, 2),
        (9, 9),
        (40, 10),
        (79, 23),
        (300, 100),
    ] {
        shown(&board, &mut screen, columns, rows);
        press(&mut screen, &board, &[KeyCode::Tab, KeyCode::Enter]);
        shown(&board, &mut screen, columns, rows);
        press(&mut screen, &board, &[KeyCode::Esc]);
    }
    let lines = shown(&board, &mut screen, 40, 12);
    assert!(
        lines.iter().any(|line| line.contains("10.0.0.5:40001")),
        "{lines:#?}"
    );
}

#[test]
fn texts_of_strangers_steer_nothing() {
    let mut board = board();
    board.session(&Arc::new(sample::hostile(9)), true);
    board.now.open = vec![row(1, "/\u{1b}[31m\u{202e}\r\n\u{9b}2J")];
    board.news = Some("\u{1b}]0;title\u{7}".to_owned());
    let mut screen = Screen::default();
    for keys in [&[][..], &[KeyCode::Tab, KeyCode::Enter]] {
        press(&mut screen, &board, keys);
        for columns in [20, 80, 200] {
            let text = shown(&board, &mut screen, columns, 40).concat();
            assert!(!text.contains(is_harmful), "{text}");
        }
    }
}

#[test]
fn a_filter_goes_for_both_lists() {
    let (board, mut screen) = (board(), Screen::default());
    let typed = ['/', 'N', 'e', 'w', 's', '?'].map(KeyCode::Char);
    press(&mut screen, &board, &typed);
    let lines = shown(&board, &mut screen, 80, 24);
    assert!(lines[23].starts_with("filter: News?▏"), "{lines:#?}");
    press(&mut screen, &board, &[KeyCode::Enter]);
    let text = shown(&board, &mut screen, 80, 24).join("\n");
    assert!(text.contains("40002") && !text.contains("40001"), "{text}");
    assert!(text.contains("Ended: the last 0, with “News?”"), "{text}");
    // “q” is a letter while a filter is typed.
    press(&mut screen, &board, &[KeyCode::Esc, KeyCode::Char('/')]);
    assert_eq!(
        press(&mut screen, &board, &[KeyCode::Char('q')]),
        Action::None
    );
    press(&mut screen, &board, &[KeyCode::Esc]);
    assert!(screen.filter.is_empty());
    press(&mut screen, &board, &[KeyCode::Char('/')]);
    press(&mut screen, &board, &[KeyCode::Char('x'); 1000]);
    assert!(screen.filter.len() < 100);
}

#[test]
fn what_is_paused_stands_still() {
    let (mut board, mut screen) = (board(), Screen::default());
    press(&mut screen, &board, &[KeyCode::Char('p')]);
    let before = shown(&board, &mut screen, 80, 24);
    assert!(before[0].contains("PAUSED"));
    board.session(&Arc::new(sample::abrupt(4)), true);
    board.now.open.clear();
    assert_eq!(shown(&board, &mut screen, 80, 24), before);
    press(&mut screen, &board, &[KeyCode::Char('p')]);
    assert_ne!(shown(&board, &mut screen, 80, 24), before);
}

#[test]
fn the_cursor_stays_with_its_session() {
    let (mut board, mut screen) = (board(), Screen::default());
    press(&mut screen, &board, &[KeyCode::Tab, KeyCode::Down]);
    let next = Arc::new(sample::abrupt(4));
    board.session(&next, true);
    screen.ended(&next, true);
    press(&mut screen, &board, &[KeyCode::Enter]);
    let lines = shown(&board, &mut screen, 80, 24);
    assert!(lines[0].starts_with("Session 1 "), "{lines:#?}");
}

#[test]
fn a_story_goes_on_until_its_session_ends() {
    let (board, mut screen) = (board(), Screen::default());
    press(&mut screen, &board, &[KeyCode::Down, KeyCode::Enter]);
    let row = row(2, "");
    assert_eq!(screen.wanted(), Some((row.client, row.server)));
    assert_eq!(shown(&board, &mut screen, 80, 24)[0], "Asking …");
    let mut session = sample::open(7);
    (session.client, session.server) = (row.client, row.server);
    screen.told(Some(session.clone()));
    let lines = shown(&board, &mut screen, 80, 24);
    assert!(lines[0].starts_with("Session 7 ") && lines[23].starts_with("goes on"));
    session.number = 8;
    screen.ended(&Arc::new(session), true);
    let lines = shown(&board, &mut screen, 80, 24);
    assert!(lines[0].starts_with("Session 8 ") && lines[23].starts_with("esc back"));
    assert_eq!(screen.wanted(), None);
    // From its end one key up is one line up.
    press(&mut screen, &board, &[KeyCode::End]);
    let end = shown(&board, &mut screen, 80, 10);
    press(&mut screen, &board, &[KeyCode::Up]);
    assert_eq!(shown(&board, &mut screen, 80, 10)[1], end[0]);
    press(&mut screen, &board, &[KeyCode::Esc]);
    assert!(shown(&board, &mut screen, 80, 24)[0].starts_with("hangup"));
}

#[test]
fn q_and_ctrl_c_end_it_and_s_sorts() {
    let (board, mut screen) = (board(), Screen::default());
    assert_eq!(
        press(&mut screen, &board, &[KeyCode::Char('q')]),
        Action::Quit
    );
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    press(&mut screen, &board, &[KeyCode::Char('/')]);
    assert_eq!(screen.press(ctrl_c, &board), Action::Quit);
    press(&mut screen, &board, &[KeyCode::Esc]);
    let mut orders = vec![screen.order];
    for _ in 0..4 {
        press(&mut screen, &board, &[KeyCode::Char('s')]);
        orders.push(screen.order);
    }
    assert_eq!(
        orders,
        [
            Order::Age,
            Order::Idle,
            Order::Youth,
            Order::Bytes,
            Order::Age
        ]
    );
}

//! `hangup generate`: man page and completions, made from the definition of the arguments.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::aot::{Bash, Fish, Generator, Zsh};
use clap_mangen::Man;

use super::Status;
use super::args::{Cli, Generated};

/// Prints `what` to standard output.
pub(super) fn run(what: Generated) -> anyhow::Result<Status> {
    let text = match what {
        Generated::Man => man()?,
        Generated::Bash => completions(Bash),
        Generated::Zsh => completions(Zsh),
        Generated::Fish => completions(Fish),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&text)?;
    stdout.flush()?;
    Ok(Status::Done)
}

fn completions(shell: impl Generator) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hangup", &mut text);
    text
}

/// One page: the program, then a section for each command.
fn man() -> io::Result<Vec<u8>> {
    let mut cli = Cli::command();
    cli.build();
    let mut page = Vec::new();
    let man = Man::new(cli.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for command in cli
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let mut section = Vec::new();
        let man = Man::new(command.clone());
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        man.render_extra_section(&mut section)?;
        writeln!(page, ".SH \"HANGUP {}\"", command.get_name().to_uppercase())?;
        page.extend(
            String::from_utf8_lossy(&section)
                .replace(".SH ", ".SS ")
                .bytes(),
        );
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

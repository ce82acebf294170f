//! All that is known when something is wrong: the words of every region, who is who, each one's last call, and of those that have
//! to do with one that hangs what the kernel and their stacks say.

use super::director::{Crew, Director};
use super::watch;

impl Director<'_> {
    /// All words, all owners, all calls; and the stacks of those that have to do with one that hangs.
    pub(super) fn dump(&self, hanging: usize) {
        for (number, Crew { name, about, group, posts }) in self.crews.iter().enumerate() {
            eprint!("{name}: {about}\n{}", group.words());
            for member in self.members.iter().filter(|member| member.crew == number) {
                let (post, party) = (posts[member.party], member.party);
                let (account, name) = (post.account(), group.parties()[party]);
                let (verb, calls, phase) = (group.verb(party, account.verb), post.calls(), post.phase());
                let is_stopped = if member.stopped.is_some() { ", stopped" } else { "" };
                let (incarnation, done, under_way) = (member.incarnation, account.done, account.under_way);
                let Some(actor) = &member.actor else {
                    eprintln!("  {name} {incarnation}: not there");
                    continue;
                };
                let process = actor.id().as_raw_pid();
                eprintln!(
                    "  {name} {incarnation}, process {process}{is_stopped}: {phase:?}, call {calls} {verb}, {done} messages done, \
                     {under_way} under way"
                );
                eprint!("{}", watch::told_by_the_kernel(actor));
                if number == hanging && member.stopped.is_none() {
                    watch::stacks_by_debugger(actor);
                    watch::stack(actor);
                }
            }
        }
    }

    /// What is known of the words of all groups, for whoever looks for what is wrong.
    pub(super) fn words(&self) {
        self.crews.iter().for_each(|crew| eprint!("{}: {}\n{}", crew.name, crew.about, crew.group.words()));
    }
}

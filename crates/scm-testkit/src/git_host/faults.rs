//! What goes wrong on a host: replies in place of the answers to some requests.

use std::collections::VecDeque;

use crate::code_host::{Recorded, Replies, Reply};

/// The faults a test has set, oldest first.
#[derive(Debug, Default)]
pub(super) struct Faults {
    once: Vec<Rule>,
    always: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    method: String,
    path_part: String,
    carried_out: bool,
    replies: VecDeque<Reply>,
}

/// What is done about one request.
pub(super) enum Fate {
    /// It is carried out and answered as the product would.
    Normal,
    /// It is not carried out.
    Instead(Reply),
    /// It is carried out, but the client gets this.
    Lost(Reply),
}

impl Faults {
    pub(super) fn once(
        &mut self,
        method: &str,
        path_part: &str,
        replies: Replies,
        carried_out: bool,
    ) {
        self.once.push(Rule {
            method: method.to_owned(),
            path_part: path_part.to_owned(),
            carried_out,
            replies: replies.0.into(),
        });
    }

    pub(super) fn always(&mut self, method: &str, path_part: &str, reply: Reply) {
        self.always.push(Rule {
            method: method.to_owned(),
            path_part: path_part.to_owned(),
            carried_out: false,
            replies: [reply].into(),
        });
    }

    /// What is to happen to a request. A fault for a number of requests goes before one for all, an
    /// older one before a younger one.
    pub(super) fn meet(&mut self, request: &Recorded) -> Fate {
        let once = self.once.iter_mut().find(|rule| rule.fits(request));
        if let Some(rule) = once
            && let Some(reply) = rule.replies.pop_front()
        {
            return if rule.carried_out {
                Fate::Lost(reply)
            } else {
                Fate::Instead(reply)
            };
        }
        let mut always = self.always.iter().rev();
        let rule = always.find(|rule| rule.fits(request));
        match rule.and_then(|rule| rule.replies.front()) {
            Some(reply) => Fate::Instead(reply.clone()),
            None => Fate::Normal,
        }
    }
}

impl Rule {
    fn fits(&self, request: &Recorded) -> bool {
        !self.replies.is_empty()
            && (self.method.is_empty() || self.method == request.method)
            && request.path.contains(&self.path_part)
    }
}

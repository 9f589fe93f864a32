"""The users file: its form, who may read it, how it is changed."""

import contextlib
import fcntl
import os
import stat
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tapiproxy import usersfile
from tapiproxy.accounts import Account, IAccounts, IGroups
from tapiproxy.usersfile import Users, UsersFile, UsersFileError, parse
from tests.folders import makeFolder

A, B, C = "0a" * 16, "0B" * 16, "0c" * 16

SITE = f"""\
# Agents
user DOM\\alice:{A}
user bob:{B}

group Sales Team:dom\\ALICE, bob
group Support:bob
group Support:DOM\\carol
group Empty:
"""


def octets(digits):
    return bytes.fromhex(digits)


class ParseTests(SynchronousTestCase):
    def refusal(self, text):
        return str(self.assertRaises(UsersFileError, parse, text, "users"))

    def test_all(self):
        """Accounts have hashes; members have groups, of several lines and without an account."""
        self.assertEqual(
            parse(SITE, "users"),
            Users(
                hashes={"DOM\\alice": octets(A), "bob": octets(B)},
                groups={
                    "DOM\\alice": {"Sales Team"},
                    "bob": {"Sales Team", "Support"},
                    "DOM\\carol": {"Support"},
                },
            ),
        )

    def test_empty(self):
        """A file may say nothing."""
        self.assertEqual(parse("", "users"), Users(hashes={}, groups={}))

    def test_lineEnds(self):
        """Lines may end as on Windows."""
        self.assertEqual(parse(SITE.replace("\n", "\r\n"), "u"), parse(SITE, "u"))

    def test_where(self):
        """A refusal names file and line, and does not quote what may be a password."""
        for line in (
            "alice:topsecret",
            "user alice:topsecret",
            "user alice:" + A + "0topsecret",
            "user topsecret",
            f"user alice:{A} # topsecret",
            "group topsecret",
            f"user to\\p\\secret:{A}",
            f"user :{A}",
            f"user a,b:{A}",
            "group G:a\\b\\c",
            "group :alice",
            "group a\x07b:alice",
            "group " + "g" * 257 + ":alice",
            "users alice:" + A,
        ):
            said = self.refusal(f"# one\n{line}\n")
            self.assertTrue(said.startswith("users, line 2: "), said)
            self.assertNotIn("topsecret", said)

    def test_twice(self):
        """An account in two lines, however it is written, is refused with both lines."""
        said = self.refusal(f"user DOM\\alice:{A}\n\nuser alice@dom:{B}\n")
        self.assertEqual(said, "users, line 3: DOM\\alice stands in line 1 already")

    def test_secrets(self):
        """Hashes are not shown."""
        self.assertNotIn("hashes", repr(parse(SITE, "users")))

    @given(st.text(max_size=200))
    def test_anything(self, text):
        """Any text is read or refused in words."""
        with contextlib.suppress(UsersFileError):
            parse(text, "users")


class EditTests(SynchronousTestCase):
    def test_added(self):
        """A new account comes last; comments and lines stay as they are."""
        self.assertEqual(
            usersfile.withUser(SITE, "DOM\\dave", octets(C)), SITE + f"user DOM\\dave:{C}\n"
        )

    def test_first(self):
        """The first account of an empty file, with its group."""
        self.assertEqual(
            usersfile.withUser("", "dave", octets(C), ["G"]), f"user dave:{C}\ngroup G:dave\n"
        )

    def test_noLastNewline(self):
        """A file that does not end its last line gets that end first."""
        self.assertEqual(
            usersfile.withUser(f"user bob:{B}", "dave", octets(C)),
            f"user bob:{B}\nuser dave:{C}\n",
        )

    def test_changed(self):
        """A new password of an account stands where the old one stood."""
        self.assertEqual(usersfile.withUser(SITE, "DOM\\alice", octets(C)), SITE.replace(A, C))

    def test_groups(self):
        """An account joins groups that there are, whatever their case, and new ones, once each."""
        text = usersfile.withUser(
            SITE, "DOM\\alice", octets(A), ["sales team", "SUPPORT", "New", "New", "Empty"]
        )
        self.assertEqual(
            text,
            SITE.replace("Support:DOM\\carol", "Support:DOM\\carol,DOM\\alice").replace(
                "Empty:", "Empty:DOM\\alice"
            )
            + "group New:DOM\\alice\n",
        )

    def test_refused(self):
        """A name that would be read as something else is not written."""
        self.assertRaises(ValueError, usersfile.withUser, "", "a,b", octets(A))
        for group in ("a\nuser mallory", "a:b", ""):
            self.assertRaises(ValueError, usersfile.withUser, "", "a", octets(A), [group])

    def test_deleted(self):
        """An account goes, and from its groups too; the rest stays."""
        self.assertEqual(
            usersfile.withoutUser(SITE, "bob"),
            f"# Agents\nuser DOM\\alice:{A}\n\ngroup Sales Team:DOM\\alice\n"
            "group Support:\ngroup Support:DOM\\carol\ngroup Empty:\n",
        )

    def test_notThere(self):
        """An account that is not there cannot be deleted, a mere member neither."""
        self.assertRaises(KeyError, usersfile.withoutUser, SITE, "DOM\\carol")


class FileTests(SynchronousTestCase):
    def setUp(self):
        self.folder = makeFolder(self)
        self.path = self.folder / "users"

    def write(self, text, mode=0o600):
        self.path.write_text(text)
        self.path.chmod(mode)

    def refusal(self, f, *arguments):
        return str(self.assertRaises(UsersFileError, f, self.path, *arguments))

    def test_read(self):
        """A file of its owner's alone is read, also one that even he cannot write."""
        for mode in (0o600, 0o400):
            self.write(SITE, mode)
            self.assertEqual(usersfile.read(self.path), SITE)

    def test_others(self):
        """A file that others can read, write or run is refused with the command that mends it."""
        for bit in range(6):
            self.write(SITE, 0o600 | 1 << bit)
            said = self.refusal(usersfile.read)
            self.assertIn(f"chmod 0600 {self.path}", said)

    def test_owner(self):
        """A file of somebody else is refused; one of root's is not, and root reads any."""
        self.write(SITE)
        owner = os.stat(self.path).st_uid
        with mock.patch("os.geteuid", return_value=owner + 1):
            if owner == 0:
                self.assertEqual(usersfile.read(self.path), SITE)
                os.chown(self.path, 12345, -1)
            self.assertIn("chown", self.refusal(usersfile.read))
        with mock.patch("os.geteuid", return_value=0):
            self.assertEqual(usersfile.read(self.path), SITE)

    def test_noFile(self):
        """No file, a folder and a named pipe are refused, without waiting for anything."""
        self.assertIn("tapiproxy passwd", self.refusal(usersfile.read))
        os.mkfifo(self.path, 0o600)
        self.assertIn("no regular file", self.refusal(usersfile.read))
        self.path.unlink()
        self.path.mkdir(0o700)
        self.assertIn("no regular file", self.refusal(usersfile.read))

    def test_tooLarge(self):
        """A file without end is refused."""
        self.patch(usersfile, "LARGEST_FILE", 10)
        self.write("#" * 11)
        self.assertIn("larger than 10", self.refusal(usersfile.read))

    def test_notText(self):
        """A file that is no text is refused with its line."""
        self.path.write_bytes(b"#\n\xff")
        self.path.chmod(0o600)
        self.assertEqual(self.refusal(usersfile.read), f"{self.path}, line 2: not UTF-8")

    def test_made(self):
        """A new file belongs to its owner alone, whatever the umask, and nothing lies beside it."""
        self.addCleanup(os.umask, os.umask(0))
        usersfile.rewrite(self.path, lambda text: text + "# new\n")
        self.assertEqual(usersfile.read(self.path), "# new\n")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.folder), ["users"])

    def test_link(self):
        """A symbolic link stays one: what it names is changed."""
        self.write(SITE)
        link = self.folder / "link"
        link.symlink_to("users")
        usersfile.rewrite(link, lambda text: "")
        self.assertTrue(link.is_symlink())
        self.assertEqual(usersfile.read(self.path), "")

    def test_whole(self):
        """A change that fails on its way leaves the old file and nothing beside it."""
        self.write(SITE)
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            said = self.refusal(usersfile.rewrite, lambda text: "")
        self.assertEqual(said, f"{self.path} cannot be written: No space left on device")
        self.assertRaises(KeyError, usersfile.rewrite, self.path, {}.__getitem__)
        self.assertEqual(usersfile.read(self.path), SITE)
        self.assertEqual(os.listdir(self.folder), ["users"])

    def test_neverWrong(self):
        """A file with a bad line is not changed, and none is written."""
        self.write("nonsense")
        self.assertIn("line 1", self.refusal(usersfile.rewrite, lambda text: ""))
        self.write(SITE)
        self.assertIn("line 1", self.refusal(usersfile.rewrite, lambda text: "nonsense"))
        self.assertEqual(usersfile.read(self.path), SITE)

    def test_oneAtATime(self):
        """Whoever comes while another changes it is told so, and nothing is lost."""
        self.write(SITE)
        folder = os.open(self.folder, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.assertIn("try again", self.refusal(usersfile.rewrite, lambda text: ""))
        os.close(folder)
        usersfile.rewrite(self.path, lambda text: "")
        self.assertEqual(usersfile.read(self.path), "")

    def test_noFolder(self):
        """A file in no folder cannot be made."""
        self.path = self.folder / "none" / "users"
        self.assertIn("none: No such file", self.refusal(usersfile.rewrite, lambda text: ""))


class UsersFileTests(SynchronousTestCase):
    def setUp(self):
        self.path = makeFolder(self) / "users"
        usersfile.rewrite(self.path, lambda text: SITE)
        self.file = UsersFile(self.path, {"DOM.TEST": "dom"})

    def find(self, domain, user):
        found = self.successResultOf(self.file.find(domain, user))
        return None if found is None else found.name

    def test_provided(self):
        """It is a store of accounts and of groups."""
        verifyObject(IAccounts, self.file)
        verifyObject(IGroups, self.file)

    def test_found(self):
        """An account is found as any client may write it, with its hash."""
        for domain, user in (("DOM", "alice"), ("dom.test", "ALICE"), ("", "Alice@dom.test")):
            self.assertEqual(
                self.successResultOf(self.file.find(domain, user)),
                Account(name="DOM\\alice", ntHash=octets(A)),
            )

    def test_computerAsDomain(self):
        """An account without domain is found whatever computer the client is on."""
        for domain, user in (("", "bob"), ("PC7", "Bob"), ("", "bob@pc7")):
            self.assertEqual(self.find(domain, user), "bob")

    def test_notOfDomain(self):
        """A user of a known domain is nobody of no domain; the other way about neither."""
        self.assertIsNone(self.find("DOM", "bob"))
        self.assertIsNone(self.find("dom.test", "bob"))
        self.assertIsNone(self.find("", "alice"))
        self.assertIsNone(self.find("OTHER", "alice"))

    def test_unacceptable(self):
        """A name that can be nobody's finds nobody."""
        for domain, user in (("", ""), ("A\\B", "bob"), ("DOM", "a@b")):
            self.assertIsNone(self.find(domain, user))

    def test_groups(self):
        """Members have their groups, also those without an account; others have none."""
        groupsOf = lambda name: self.successResultOf(self.file.groupsOf(name))  # noqa: E731
        self.assertEqual(groupsOf("bob"), {"Sales Team", "Support"})
        self.assertEqual(groupsOf("DOM\\carol"), {"Support"})
        self.assertEqual(groupsOf("mallory"), frozenset())

    def test_reread(self):
        """A changed file counts when it is taken over, and a wrong one never."""
        usersfile.rewrite(self.path, lambda text: usersfile.withoutUser(text, "bob"))
        self.assertEqual(self.find("", "bob"), "bob")
        self.file.takeOver(self.file.reread())
        self.assertIsNone(self.find("", "bob"))
        self.path.write_text("nonsense")
        self.assertRaises(UsersFileError, self.file.reread)
        self.assertEqual(self.find("DOM", "alice"), "DOM\\alice")

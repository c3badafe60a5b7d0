# USR1 opens the logs anew, for the module's own lines too; a reload that nginx refuses changes
# nothing.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;

my $mortal = RustPageCache::Memcached->start(dir => scratch);
my $server = <<"CONF";
    location / {
        rust_page_cache @{[$mortal->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
my $nginx = nginx(errors => ['rust_page_cache', qr/\[emerg\]/], server => $server);
$mortal->set('/page', "stored\n");
is $nginx->get('/page')->cache, 'HIT', 'before';

my $log = $nginx->prefix . '/error.log';
rename $log, "$log.1" or die "$log: $!\n";
kill 'USR1', $nginx->pid;
ok wait_until(sub { -e $log }), 'the log is opened anew';
# The worker opens it for itself; what it says before still goes to the old one.
my ($worker) = $nginx->all_worker_pids;
ok wait_until(sub { grep { (readlink // '') eq $log } glob "/proc/$worker/fd/*" }), 'by the worker';
is $nginx->get('/page')->cache, 'HIT', 'over the connection of before';
$mortal->stop;
is $nginx->get('/page')->body, "fallback\n", 'the store is gone';
ok wait_until(sub { $nginx->log_lines('is down') }), 'the new log says so';
unlike $nginx->read_file('error.log.1'), qr/is down/, 'the old one does not';
$mortal->restart->set('/page', "stored\n");
ok wait_until(sub { $nginx->get('/page')->cache eq 'HIT' }), 'it is back';
ok wait_until(sub { $nginx->log_lines('is back after') }), 'the new log says so too';

# Each is refused: by the module while the file is read, by it at the end, and by nginx after it.
my %refused = (
    'an unknown word'      => $server =~ s/key=raw/key=cooked/r,
    'no such fallback'     => $server =~ s/key=raw/key=raw fallback=\@nobody/r,
    'an unknown directive' => $server . 'no_such_directive;',
);
my @workers = sort $nginx->all_worker_pids;
for my $name (sort keys %refused) {
    my $before = () = $nginx->log_lines('\[emerg\]');
    $nginx->write(server => $refused{$name});
    kill 'HUP', $nginx->pid;
    ok wait_until(sub { $nginx->log_lines('\[emerg\]') > $before }), "$name: refused";
    is $nginx->get('/page')->cache, 'HIT', "$name: the worker goes on";
}
is_deeply [sort $nginx->all_worker_pids], \@workers, 'the same worker';
$nginx->write(server => $server);
ok $nginx->reload, 'a good one is taken';
is $nginx->get('/page')->cache, 'HIT', 'and serves';
$nginx->finish;

done_testing;

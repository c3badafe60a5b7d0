# A worker that stood still for a while does not blame the store.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Process;
use Time::HiRes qw(sleep);

memcached->set('/page', "stored\n");
# With the module's own budget, which is shorter than the pause.
my $nginx = nginx(
    default_timeouts => 1,
    errors           => ['rust_page_cache'],
    server           => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
is $nginx->get('/page')->cache, 'HIT', 'a hit';
my ($worker) = $nginx->all_worker_pids;

for my $turn (1 .. 12) {
    my @clients = map { $nginx->client } 1 .. 8;
    $_->send(RustPageCache::Client::get('/page')) for @clients;
    # At some moment of the look-ups.
    sleep rand 0.001;
    RustPageCache::Process::freeze($worker);
    sleep 0.3;
    kill 'CONT', $worker;
    my @bodies = map { $_->response->body } @clients;
    is scalar(grep { /^(?:stored|fallback)\n$/ } @bodies), 8, "$turn: everybody has an answer";
    is $nginx->get('/page')->cache, 'HIT', "$turn: and then a hit";
}
is scalar(() = $nginx->log_lines('is down')), 0, 'the server is never called down';

$nginx->finish;

done_testing;

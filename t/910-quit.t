# QUIT waits for look-ups that are under way; TERM does not; neither leaves anything open.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep time);

my $slow = fake_memcached(sub ($c, $key) { $c->pause(0.6)->value($key, "slow\n") });
memcached->set('/page', "stored\n");
redis->set('/page', "stored\n");

sub start () {
    return nginx(server => <<"CONF");
    rust_page_cache_timeout 5s;
    location / {
        rust_page_cache @{[$slow->uri]} key=raw;
    }
    location /memcached {
        rust_page_cache @{[memcached->uri]} key=raw uri=/page;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw uri=/page;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
}

my $nginx = start();
$nginx->get($_) for '/memcached', '/redis';
my $parked = $nginx->client->send(RustPageCache::Client::get('/slow'));
sleep 0.1;
kill 'QUIT', $nginx->pid;
is $parked->response->body, "slow\n", 'QUIT: the look-up is finished and answered';
$nginx->finish('QUIT');

# With connections to the stores that are idle.
$nginx = start();
$nginx->get($_) for '/memcached', '/redis';
my $begin = time;
$nginx->finish('QUIT with idle connections');
cmp_ok time - $begin, '<', 4, 'and at once';

$nginx = start();
$nginx->get($_) for '/memcached', '/redis';
$parked = $nginx->client->send(RustPageCache::Client::get('/slow'));
sleep 0.1;
$begin = time;
ok $nginx->quit('TERM'), 'TERM: nginx ends';
cmp_ok time - $begin, '<', 4, 'TERM: at once';
is join("\n", log_problems($nginx->log)), '', 'TERM: the error log is clean';

done_testing;

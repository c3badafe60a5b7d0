# A reload: nothing is lost, and the new configuration holds.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep time);

memcached->set('old:/page', "old\n");
memcached->set('new:/page', "new\n");
redis->set('new:/page', "new\n");
my $slow = fake_memcached(sub ($c, $key) { $c->pause(0.8)->value($key, "slow\n") });

sub server ($uri, $namespace) {
    return <<"CONF";
    location / {
        rust_page_cache $uri key=raw namespace=$namespace;
    }
    location /slow {
        rust_page_cache @{[$slow->uri]} key=raw;
        rust_page_cache_timeout 5s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
}

my $nginx = nginx(workers => 2, server => server(memcached->uri, 'old:'));
is $nginx->get('/page')->body, "old\n", 'before';

my $parked = $nginx->client->send(RustPageCache::Client::get('/slow'));
sleep 0.1;
$nginx->write(server => server(memcached->uri, 'new:'));
ok $nginx->reload, 'the workers are replaced';
is $nginx->get('/page')->body, "new\n", 'after: the new configuration';
is $parked->response->body, "slow\n", 'a look-up that was under way is answered by the old worker';

$nginx->write(server => server(redis->uri, 'new:'));
ok $nginx->reload, 'the workers are replaced again';
is $nginx->get('/page')->body, "new\n", 'after: another store';

# Old workers let go of their connections to the stores, and end.
my $left = wait_until(sub {
    qx(ps -o args= --ppid @{[$nginx->pid]}) !~ /shutting down/;
});
ok $left, 'the old workers end';

# A stream of requests through several reloads.
my $failed = 0;
for my $turn (1 .. 3) {
    kill 'HUP', $nginx->pid;
    for (1 .. 30) {
        my $response = $nginx->get('/page');
        $failed++ unless $response && $response->body =~ /^(?:new|fallback)\n$/;
    }
}
is $failed, 0, 'requests during reloads are all answered';
ok wait_until(sub { qx(ps -o args= --ppid @{[$nginx->pid]}) !~ /shutting down/ }), 'and the old workers end';
$nginx->finish;

done_testing;

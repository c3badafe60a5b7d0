# A store that restarts between two requests costs no request its answer.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my %store = (memcached => memcached, redis => redis, 'redis with a password' => redis_auth);

for my $name (sort keys %store) {
    my $store = $store{$name};
    my $login = $name =~ /password/ ? 'redis://:s3cr%3At%2Fp%40ss@' . $store->address : $store->uri;
    my $nginx = nginx(
        errors => [$store->address],
        server => <<"CONF",
    location / {
        rust_page_cache $login key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    for my $turn (1 .. 5) {
        $store->set('/page', "stored $turn\n");
        my $response = $nginx->get('/page');
        is $response->cache, 'HIT', "$name, turn $turn: a hit at once";
        is $response->body, "stored $turn\n", "$name, turn $turn: the page";
        is $nginx->get('/none')->body, "fallback\n", "$name, turn $turn: a miss";
        $store->restart;
    }
    is scalar(() = $nginx->log_lines('\[error\]')), 0, "$name: nothing to complain of";
    $nginx->finish($name);
}

done_testing;

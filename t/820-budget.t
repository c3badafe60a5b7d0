# rust_page_cache_timeout is one budget: connecting, letting in and all round trips.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(time);

# Each step is within the budget; both together are not.
my $slow = fake_redis(
    sub ($c, $key) { $c->pause(0.4)->bulk("stored\n") },
    handshake => sub ($c, @words) { $c->pause(0.4)->send("+OK\r\n") },
);
# A byte now and then is no reason to wait for ever.
my $drip = fake_memcached(sub ($c, $key) {
    $c->dribble("VALUE $key 0 20\r\n" . 'x' x 20 . "\r\nEND\r\n", 0.1);
});

my $nginx = nginx(
    errors => ["rust_page_cache"],
    server => <<"CONF",
    rust_page_cache_connect_timeout 5s;
    location /together {
        rust_page_cache redis://:password\@@{[$slow->address]} key=raw;
        rust_page_cache_timeout 600ms;
    }
    location /drip {
        rust_page_cache @{[$drip->uri]} key=raw;
        rust_page_cache_timeout 600ms;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

for my $target ('/together', '/drip') {
    my $begin    = time;
    my $response = $nginx->get($target);
    my $took     = time - $begin;
    is $response->cache, 'ERROR timeout', "$target: timeout";
    is $response->body, "fallback\n", "$target: the fallback answers";
    cmp_ok $took, '>=', 0.55, "$target: after its budget, not before";
    cmp_ok $took, '<', 4, "$target: and soon after it";
}
$nginx->finish;

# A store that is late again and again is left alone.
$nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location / {
        rust_page_cache @{[$drip->uri]} key=raw;
        rust_page_cache_timeout 300ms;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
my @late = map { $nginx->get('/page') } 1 .. 6;
is $late[0]->cache, 'ERROR timeout', 'late once';
is $late[-1]->cache, 'ERROR down', 'late again and again';
is scalar(grep { $_->body eq "fallback\n" } @late), 6, 'and the fallback answers';
$nginx->finish('late again and again');

# The same steps, each of them and all of them within the budget.
$nginx = nginx(
    server => <<"CONF",
    rust_page_cache_connect_timeout 5s;
    location / {
        rust_page_cache redis://:password\@@{[$slow->address]} key=raw;
        rust_page_cache_timeout 5s;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
is $nginx->get('/page')->body, "stored\n", 'with a budget that is large enough, a hit';
$nginx->finish('the second nginx');

done_testing;

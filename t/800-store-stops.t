# A store that stops and comes back: the site stays up, one line each, and hits again.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep time);

my %store = (memcached => memcached, 'memcached over a unix socket' => memcached_unix, redis => redis);

for my $name (sort keys %store) {
    my $store = $store{$name}->set('/page', "stored\n");
    my $nginx = nginx(
        errors => [$store->address],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    is $nginx->get('/page')->cache, 'HIT', "$name: a hit";

    $store->stop;
    my $first = $nginx->get('/page');
    like $first->cache, qr/^ERROR (?:connect|closed|down)$/, "$name stopped: an error";
    is $first->body, "fallback\n", "$name stopped: the fallback answers";

    my $begin = time;
    my @after = map { $nginx->get('/page') } 1 .. 50;
    cmp_ok time - $begin, '<', 4, "$name stopped: fifty requests cost next to nothing";
    is scalar(grep { $_->body eq "fallback\n" } @after), 50, "$name stopped: all have the fallback";
    is $after[-1]->cache, 'ERROR down', "$name stopped: and the store is left alone";
    # Long enough for some trials, none of which may log.
    for (1 .. 14) { $nginx->get('/page'); sleep 0.05 }
    is scalar(() = $nginx->log_lines('\[(?:error|crit|alert)\]')), 1, "$name stopped: one line";
    is scalar(() = $nginx->log_lines('\[notice\].*rust_page_cache')), 0, "$name stopped: not back";

    $store->restart->set('/page', "stored again\n");
    $begin = time;
    my $back = wait_until(sub { my $r = $nginx->get('/page'); $r->cache eq 'HIT' && $r });
    ok $back, "$name is back: hits again";
    cmp_ok time - $begin, '<', 5, "$name is back: noticed soon";
    is $back->body, "stored again\n", "$name is back: the page" if $back;
    is scalar(() = $nginx->log_lines('\[notice\].*' . quotemeta $store->address)), 1,
        "$name is back: one line that says so";
    is scalar(() = $nginx->log_lines('\[(?:error|crit|alert)\]')), 1, "$name is back: no other";
    $nginx->finish($name);
}

done_testing;

# A Redis that sends every key elsewhere is well: no flapping, no flood of lines.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(time);

for my $error ('MOVED 3999 127.0.0.1:6381', 'ASK 3999 127.0.0.1:6381') {
    my $store = fake_redis(sub ($c, $key) { $c->send("-$error\r\n") });
    my $nginx = nginx(
        errors => ['rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    my ($begin, %seen) = (time);
    while (time - $begin < 2) {
        my $response = $nginx->get('/page');
        $seen{$response->cache . ', ' . $response->body}++;
    }
    is_deeply [keys %seen], ["ERROR protocol, fallback\n"], "$error: the same for each request";
    cmp_ok scalar(() = $nginx->log_lines('rust_page_cache')), '<=', 2 + time - $begin,
        "$error: a line a second at most";
    is scalar(() = $nginx->log_lines('is (?:down|back)')), 0, "$error: neither down nor back";
    $nginx->finish($error);
}

done_testing;

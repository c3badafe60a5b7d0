# Where nginx is short of connections, the fallback answers.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(sleep);

memcached->set('/page', "stored\n");
my $nginx = nginx(
    errors      => [qr/worker_connections are not enough/, 'rust_page_cache'],
    connections => 12,
    server      => <<"CONF",
    location / {
        rust_page_cache @{[memcached->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

# Clients in the middle of a request cannot be turned away for another's sake.
my @clients;
for (1 .. 14) {
    push @clients, $nginx->client->send("GET /page HTTP/1.1\r\nHost: localhost\r\nX: ");
    sleep 0.02;
}
$_->send("y\r\nConnection: close\r\n\r\n") for @clients;
my @responses = grep { defined } map { $_->response(patience => 3) } @clients;
cmp_ok scalar @responses, '>=', 5, 'most of them were accepted';
is scalar(grep { $_->status != 200 } @responses), 0, 'every answer is a 200';
is scalar(grep { $_->body !~ /^(?:stored|fallback)\n$/ } @responses), 0, 'a page or the fallback';
cmp_ok scalar(grep { $_->body eq "fallback\n" } @responses), '>', 0, 'somebody had the fallback';
like $_->cache, qr/^(?:HIT|ERROR (?:memory|down|connect))$/, 'and the reason' for @responses;

$_->close for @clients;
ok wait_until(sub { $nginx->get('/page')->cache eq 'HIT' }, 5), 'when they have left, hits again';
$nginx->finish;

done_testing;

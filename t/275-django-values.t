# Pages of many classes, with attributes of many classes, in protocols 2 to 5: served as Django
# sends them, or refused with the name of the class in the log.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use MIME::Base64 qw(decode_base64);

use RustPageCache::Site qw(comparable_fields);

my $nginx = nginx(
    errors => ['cannot be decoded'],
    server => <<"CONF",
    location /memcached {
        rust_page_cache @{[memcached->uri]} key=raw uri=page format=django;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw uri=page format=django;
    }
    location \@django {
        return 200 "fallback";
    }
CONF
);

my %seen;
for my $file (sort map { s{.*/}{}r } glob "$FindBin::Bin/fixtures/django-values.*.jsonl") {
    for my $record (fixture($file)) {
        my $value = decode_base64($record->{value_b64});
        memcached->set('page', $value, 1);
        redis->set('page', $value);
        check($record, $_) for '/memcached', '/redis';
    }
}
cmp_ok $seen{served} // 0, '>', 400, 'enough of the records are pages to be served';
cmp_ok $seen{refused} // 0, '>', 100, 'and enough of them are not';

# The class is named; a line a second at most, so each waits for its own.
my ($own) = grep { $_->{id} eq 'own/5' } fixture('django-values.dj52.jsonl');
redis->set('page', decode_base64($own->{value_b64}));
wait_until(
    sub {
        $nginx->get('/redis');
        $nginx->log_lines('class myapp\.http\.Page: its state has no status_code at byte \d+');
    }
);
ok scalar $nginx->log_lines('"page".* cannot be decoded, class myapp\.http\.Page: '),
    'the class is named, beside the key';

$nginx->finish;

sub check ($record, $where) {
    my $response = $nginx->get($where);
    my $name     = "$record->{id} of $record->{django_version}, $where";
    $seen{$record->{expect}}++;
    if ($record->{expect} eq 'refused') {
        is $response->cache, 'ERROR undecodable', "$name: refused";
        is $response->body, 'fallback', "$name: the fallback answers";
        return;
    }
    my $sent = $record->{django};
    is $response->cache, 'HIT', "$name: served" or return;
    is $response->status, $sent->{status}, "$name: status";
    is $response->{reason}, $sent->{reason}, "$name: reason";
    is $response->body, decode_base64($sent->{body_b64}), "$name: body";
    my @fields = map { [map { RustPageCache::Site::bytes($_) } @$_] } @{$sent->{headers}};
    # nginx sends no type without content, whoever the page is from.
    @fields = grep { lc $_->[0] ne 'content-type' } @fields if $sent->{status} == 204;
    is_deeply [comparable_fields(@{$response->{headers}})], [comparable_fields(@fields)], "$name: headers";
    return;
}

done_testing;
